"""Each log event is kept once, and Logs Insights finds it all the same."""

import sqlite3
import time
from contextlib import closing

from waiting import eventually

from recsys.local import launcher

COPIES = "SELECT count(*) FROM state WHERE service = 'cloudwatch_logs' AND store = 'log_records' AND key != ''"


def test_no_save_writes_copies_of_what_was_put_and_a_query_finds_it(client, embedded):
    logs, group = client("logs"), f"/once/{time.time_ns()}"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    moment = time.time()
    event = {"timestamp": int(1000 * moment), "message": "found"}
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=[event])
    put = time.time()
    eventually(lambda: (launcher.status(embedded.state).health["autosave"]["saved_at"] or 0) > put)
    with closing(sqlite3.connect(embedded.state / "state.sqlite")) as saved:
        assert saved.execute(COPIES).fetchone() == (0,)

    asked = {"startTime": int(moment) - 60, "endTime": int(moment) + 60, "queryString": "fields @message, @ptr"}
    query = logs.start_query(logGroupName=group, **asked)["queryId"]
    [row] = eventually(lambda: logs.get_query_results(queryId=query)["results"])
    told = {each["field"]: each["value"] for each in row}
    assert told["@message"] == "found"
    assert logs.get_log_record(logRecordPointer=told["@ptr"])["logRecord"]["@message"] == "found"
    logs.delete_log_group(logGroupName=group)
