"""What is put one by one: events, items, users, actions.

puts.py         the five operations: what is let in
log.py          on disk before it is acknowledged; live.py: in memory before the next answer
reading.py      the log as jobs read it
impressions.py  what a recommendation showed
"""
