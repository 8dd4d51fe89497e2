"""MiniStack, and what must be mended in it. Only this folder knows MiniStack, so that another host could replace it.

Each package is named after the AWS service whose behaviour it changes; its docstring says what MiniStack does wrong or
lacks there, and its one `install()` puts the changes in place. A change has mostly the same form: `install()` replaces
a function `f` of a MiniStack module by `_past_participle(f)`, which returns a function of the same signature that calls
`f` where MiniStack is right. MiniStack looks its functions up in their module at every call, so nothing else need be
changed; tests/local/aws/test_ministack_contract.py holds that it does. Where two changes wrap the same function, the
one installed later is outside.

services.py      MiniStack with every change, and its life: recover, serve, save, stop
state/           saving what MiniStack keeps in memory, and bringing it back
cloudwatch/      alarms, metrics and logs
dynamodb/        items, scans and PartiQL; consumed capacity
eventbridge/     rules, schedules and events; the clock of rules
iam/             whether a role may do what it asks for
kinesis/         streams, and the event source mappings that read them
lambda_/         functions, their workers, calls and logs
s3/              objects that are not there, or cannot be written
apigateway/      REST APIs
cloudformation/  stacks
stepfunctions/   state machines
tagging.py       the Resource Groups Tagging API
xray/            X-Ray, which MiniStack has not
host.py          the environment MiniStack reads; temporary.py, its temporary folder; own_clients.py, clients against it
"""

from typing import Any

MiniStackResponse = tuple[int, dict[str, str], Any]  # status, headers, body
