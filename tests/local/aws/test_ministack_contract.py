"""What the mends rely on inside MiniStack. A failure here after an upgrade says which mend to look at, and where."""

import ast
import inspect
import os
import sys
from importlib import metadata

import pytest

from recsys.local.aws import host


@pytest.fixture(scope="module", autouse=True)
def _prepared(tmp_path_factory):
    before = dict(os.environ)
    host.prepare("127.0.0.1", 4566, tmp_path_factory.mktemp("state"))
    yield
    os.environ.clear()
    os.environ.update(before)
    if sys.modules.get("docker", sys) is None:
        del sys.modules["docker"]


def parameters(function):
    return list(inspect.signature(function).parameters)


def calls_by_name(module, name):
    """Whether `module` calls its own function `name` through its global, so that replacing the global is enough."""
    tree = ast.parse(inspect.getsource(module))
    return any(isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == name for n in ast.walk(tree))


def test_it_is_the_version_the_mends_were_written_for():
    assert metadata.version("ministack") == "1.5.33"


def test_the_application_and_its_modules():
    from ministack import app

    assert parameters(app.app) == ["scope", "receive", "send"]
    assert parameters(app._get_module) == ["name"]
    assert calls_by_name(app, "_get_module")
    assert isinstance(app._build_persistence_save_dict(), dict)
    assert app._state_map["lambda"] == "lambda_svc"


@pytest.mark.parametrize("name", ["_next_sequence_number", "_expire_records"])
def test_kinesis_writes_pass_the_stream_log(name):
    from ministack.services import kinesis

    assert calls_by_name(kinesis, name)
    source = inspect.getsource(kinesis.handle_request)
    assert '"PutRecord": _put_record,' in source
    assert '"PutRecords": _put_records,' in source
    assert "put_record_internal" in inspect.getsource(__import__("ministack.services.dynamodb", fromlist=["x"]))


def test_shards_are_changed_and_told_of_where_the_resharding_looks():
    from ministack.services import kinesis

    source = inspect.getsource(kinesis.handle_request)
    for action in ("SplitShard", "MergeShards", "UpdateShardCount", "GetRecords", "DescribeStreamSummary"):
        assert f'"{action}": _' in source
    assert all(calls_by_name(kinesis, name) for name in ("_route_to_shard", "_shard_out", "_max_shard_index"))
    assert parameters(kinesis._build_shards) == ["shard_count", "start_index"]


def test_the_poll_loop_calls_what_the_kinesis_poller_replaces():
    from ministack.services import lambda_svc

    assert "_poll_kinesis()" in inspect.getsource(lambda_svc._poll_loop)
    assert calls_by_name(lambda_svc, "_init_stream_position")
    assert calls_by_name(lambda_svc, "_create_esm")
    assert parameters(lambda_svc._init_stream_position) == ["esm_id", "source_arn", "starting"]
    assert parameters(lambda_svc._execute_function) == ["func", "event"]
    assert parameters(lambda_svc._apply_filter_criteria) == ["records", "esm"]
    from ministack.services.cloudformation import provisioners

    assert "_lambda_svc._init_stream_position(" in inspect.getsource(provisioners._lambda_esm_create)


def test_a_worker_is_called_and_heard_where_the_exchange_takes_over():
    from ministack.core import concurrency, lambda_runtime
    from ministack.core.lambda_runtime import Worker
    from ministack.services import lambda_svc

    from recsys.local.aws.lambda_ import exchange

    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    assert script.endswith(exchange.END) and script.count(exchange.READY) == script.count(exchange.START) == 1
    assert parameters(Worker.invoke)[:3] == ["self", "event", "request_id"]
    assert "target=self._read_stderr" in inspect.getsource(Worker._spawn)
    assert all(calls_by_name(lambda_runtime, name) for name in ("_signal", "_collect"))
    assert parameters(concurrency.run_reentrant) == ["fn", "args", "thread_name"]
    assert calls_by_name(lambda_svc, "run_reentrant")


def test_the_workers_script_has_the_lines_that_are_replaced():
    from ministack.core import lambda_runtime

    from recsys.local.aws.lambda_ import worker

    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    assert script.count(worker.FAILED) == 1
    assert script.count(worker.START) == 1
    assert "return sys.executable, _PYTHON_WORKER_SCRIPT" in inspect.getsource(lambda_runtime._detect_runtime_binary)


def test_every_lambda_call_writes_its_logs_where_metrics_are_counted():
    from ministack.services import lambda_svc

    assert "_emit_lambda_logs(" in inspect.getsource(lambda_svc._execute_function_dispatch)
    assert parameters(lambda_svc._emit_lambda_metrics) == ["function_name", "duration_ms", "error", "throttle"]


def test_policies_are_checked_where_the_permissions_look():
    from ministack import app
    from ministack.core import iam_actions, iam_evaluator, lambda_runtime
    from ministack.services import eventbridge, iam, lambda_svc, stepfunctions, sts

    assert app.AUTH is False  # one switch, which a role's request turns on
    enforced = ["access_key_id", "iam_action", "service", "region", "resource_arn", "service_context"]
    assert parameters(iam_evaluator.enforce) == enforced
    assert all(name in inspect.getsource(iam_evaluator) for name in ("_request_origin.get()[1]", "_conditions_met("))
    for name in ("parse_policy_document", "_resolve_managed_policy_document"):
        assert calls_by_name(iam_evaluator, name)
    for name in ("pin_signed_request", "pin_request_origin", "_dispatch_service_request"):
        assert calls_by_name(app, name)
    dispatched = inspect.getsource(app._dispatch_service_request)
    for name in ("extract_iam_action", "dynamodb_transaction_checks", "access_denied_response", "enforce"):
        assert f"            {name}," in dispatched or f"import AuthError, {name}" in dispatched
    assert parameters(iam_actions.access_denied_response)[:4] == ["service", "action", "principal_arn", "request_id"]
    assert parameters(lambda_runtime.execution_credentials) == ["config"]
    assert calls_by_name(lambda_runtime, "execution_credentials")
    assert calls_by_name(lambda_svc, "_emit_lambda_logs")
    assert parameters(eventbridge._invoke_target)[:1] == ["target"]
    assert parameters(stepfunctions._execute_task)[:3] == ["state_def", "raw_input", "execution"]
    assert calls_by_name(stepfunctions, "_invoke_resource")
    assert calls_by_name(stepfunctions, "_run_sub_machine")
    assert parameters(stepfunctions._run_sub_machine) == ["states", "start_at", "input_data", "execution", "ctx"]
    for kind in ("map", "parallel", "task"):
        assert len(parameters(getattr(stepfunctions, f"_execute_{kind}"))) == 4
    for kind in ("choice", "pass", "wait"):
        assert parameters(getattr(stepfunctions, f"_execute_{kind}")) == ["state_def", "raw_input", "ctx"]
    assert isinstance(sts._sessions, dict)
    assert hasattr(iam._roles, "get_scoped")


def test_alarms_are_evaluated_through_one_function():
    from ministack.services import cloudwatch

    assert calls_by_name(cloudwatch, "_evaluate_alarm")
    for name in ("_dims_key", "_calc_stats", "_stat_value", "_record_history", "_dispatch_alarm_actions"):
        assert callable(getattr(cloudwatch, name))
    assert callable(cloudwatch._evaluate_parent_alarms)


def test_alarms_and_data_are_put_where_they_are_looked_at():
    from ministack.services import cloudwatch
    from ministack.services.cloudformation import provisioners

    source = inspect.getsource(cloudwatch.handle_request)
    for action, put in (("PutMetricData", "_put_metric_data"), ("PutMetricAlarm", "_put_metric_alarm")):
        assert f'"{action}": {put},' in source
        assert parameters(getattr(cloudwatch, put)) == ["params", "cbor_data", "is_cbor", "is_json"]
    assert calls_by_name(provisioners, "_cw_metric_alarm_record")
    assert parameters(provisioners._cw_metric_alarm_record) == ["name", "props"]


def test_what_is_refused_is_put_where_it_is_looked_at():
    from ministack.services import eventbridge, lambda_svc, scheduler, stepfunctions
    from ministack.services.cloudformation import provisioners

    assert "invalid = _validate_definition_jsonata(" in inspect.getsource(stepfunctions._create_state_machine)
    assert calls_by_name(eventbridge, "_validate_schedule_expression")
    assert '"DeleteRule": _delete_rule,' in inspect.getsource(eventbridge.handle_request)
    assert all(calls_by_name(scheduler, name) for name in ("_create_schedule", "_update_schedule"))
    assert all(calls_by_name(lambda_svc, name) for name in ("_create_function", "_update_config"))
    assert calls_by_name(provisioners, "_sfn_definition")


def test_services_whose_state_is_borrowed_do_nothing_but_collect_it():
    from ministack import app

    from recsys.local.aws.state import capture

    collecting = {"deepcopy", "all_items", "set_scoped", "items", "store"}
    for name in capture.COLLECT_ONLY:
        module = app._get_module(name)
        used = {
            node.attr if isinstance(node, ast.Attribute) else node.id
            for call in ast.walk(ast.parse(inspect.getsource(module.get_state)))
            if isinstance(call, ast.Call)
            for node in [call.func]
        }
        assert used <= {*collecting, "AccountRegionScopedDict", "AccountScopedDict"}
        assert module.copy.deepcopy is not None, name


def test_what_is_captured_is_what_is_restored():
    from ministack.core.responses import AccountRegionScopedDict

    from recsys.local.aws.state import capture

    tables, plain = AccountRegionScopedDict(), {"n": 1}
    tables._data["000000000000", "us-east-1", "t"] = {"TableName": "t", "items": {"p|1": {"s": {"id": {"S": "x"}}}}}
    blocks = list(capture._blocks("dynamodb", {"tables": tables, "plain": plain}))
    found = {(*block.prefix, part): text for block in blocks for part, text in block.parts.items()}
    assert sum("p|1" in key[3] for key in found) == 1, "a table is cut at its items"
    restored = capture.restored(found)["dynamodb"]
    assert restored["plain"] == plain
    assert restored["tables"]._data == tables._data


def test_streams_of_a_log_group_are_restored_in_their_order():
    from ministack.core.responses import AccountRegionScopedDict

    from recsys.local.aws.state import capture

    groups = AccountRegionScopedDict()
    stream = {"events": [{"message": "m"}], "lastIngestionTime": 3}
    streams = {"z": {**stream, "creationTime": 1}, "a": {**stream, "creationTime": 2}}
    groups._data["000000000000", "us-east-1", "g"] = {"arn": "group", "streams": streams}
    blocks = list(capture._blocks("cloudwatch_logs", {"log_groups": groups}))
    found = {(*block.prefix, part): text for block in blocks for part, text in block.parts.items()}
    restored = capture.restored(found)["cloudwatch_logs"]["log_groups"]._data
    assert restored == groups._data
    assert list(*[group["streams"] for group in restored.values()]) == ["z", "a"]


def test_a_save_copies_no_log_though_no_request_was_for_cloudwatch_logs(monkeypatch):
    from ministack import app
    from ministack.services import cloudwatch_logs

    from recsys.local.aws.state import capture

    monkeypatch.delitem(app._loaded_modules, "cloudwatch_logs", raising=False)
    state = capture._collected("cloudwatch_logs", cloudwatch_logs.get_state)
    assert state["log_groups"] is cloudwatch_logs._log_groups


def test_cloudformation_has_the_handlers_that_are_mended():
    from ministack.services.cloudformation import handlers
    from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

    mended = (
        "DynamoDB::Table",
        "Kinesis::Stream",
        "S3::Bucket",
        "Lambda::Function",
        "ApiGateway::Method",
        "ApiGateway::Stage",
    )
    for kind in (f"AWS::{name}" for name in mended):
        assert {"create", "update", "delete"} <= _RESOURCE_HANDLERS[kind].keys()
    assert {"DescribeStacks", "ListExports"} <= handlers._ACTION_HANDLERS.keys()
    from ministack.services import dynamodb, s3

    assert parameters(dynamodb._update_ttl) == parameters(dynamodb._update_continuous_backups) == ["data"]
    assert parameters(s3._delete_persisted_bucket) == ["name"]
    assert calls_by_name(s3, "_atomic_write")


def test_a_request_to_an_api_passes_what_is_mended():
    from ministack.services import apigateway_v1

    validated = ["method_obj", "api_id", "request", "headers", "body", "query_params"]
    assert parameters(apigateway_v1._check_request_validation) == validated
    assert parameters(apigateway_v1._gateway_error_response) == ["error", "request"]
    assert parameters(apigateway_v1._handle_execute_in_scope)[:5] == [
        "api_id",
        "stage_name",
        "method",
        "path",
        "headers",
    ]
    for name in ("_check_request_validation", "_gateway_error_response", "_handle_execute_in_scope"):
        assert calls_by_name(apigateway_v1, name)
    assert parameters(apigateway_v1._create_request_validator) == ["api_id", "data"]


def test_what_an_alarm_tells_passes_one_function():
    from ministack.core import iam_evaluator
    from ministack.services import cloudwatch, sns

    assert calls_by_name(cloudwatch, "_dispatch_alarm_actions")
    assert parameters(cloudwatch._dispatch_alarm_actions) == ["alarm", "old_state", "new_state", "reason"]
    assert parameters(sns._fanout)[:4] == ["topic_arn", "msg_id", "message", "subject"]
    assert parameters(iam_evaluator.evaluate_resource_policy)[:3] == ["doc", "ctx", "service"]


def test_every_log_line_passes_where_embedded_metrics_are_read():
    from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc

    assert parameters(cloudwatch_logs._append_log_events) == ["stream", "events"]
    assert calls_by_name(cloudwatch_logs, "_append_log_events")
    assert "_cwl._append_log_events(" in inspect.getsource(lambda_svc._emit_lambda_logs)
    assert parameters(cloudwatch._store_datum)[:6] == ["namespace", "name", "dims", "ts", "unit", "value"]
    assert '"FilterLogEvents": _filter_log_events' in inspect.getsource(cloudwatch_logs.handle_request)
    assert parameters(cloudwatch_logs._resolve_log_group_name) == ["data"]


def test_a_scan_takes_its_items_where_a_kept_order_is_put():
    from ministack.services import dynamodb

    source = inspect.getsource(dynamodb._scan)
    assert "table = _tables.get(name)" in source
    assert "= _paginate_evaluated_items(all_items, limit, table, index_name)" in source
    assert parameters(dynamodb._scan) == ["data"]
    assert dynamodb._scan.__closure__ is None
    assert parameters(dynamodb._set_item)[:3] == parameters(dynamodb._remove_item) == ["table", "pk_val", "sk_val"]
    for function in (dynamodb._items_replaced, dynamodb._update_table):
        assert "table.pop(_INDEX_MEMBERS, None)" in inspect.getsource(function)
    assert "!= _INDEX_MEMBERS" in inspect.getsource(dynamodb.get_state)
    assert calls_by_name(dynamodb, "_tokenize")
    assert parameters(dynamodb._tokenize) == ["expr"]
    assert parameters(dynamodb._condition_syntax_error) == ["expr", "slot"]


def test_reads_and_writes_pass_where_units_are_counted():
    from ministack.services import dynamodb

    assert calls_by_name(dynamodb, "_add_consumed_capacity")
    expected = ["result", "data", "table_name", "write", "old_item", "new_item", "index_name"]
    assert parameters(dynamodb._add_consumed_capacity) == expected
    source = inspect.getsource(dynamodb.handle_request)
    assert '"BatchGetItem": _batch_get_item' in source
    assert '"BatchWriteItem": _batch_write_item' in source
    assert '"BatchExecuteStatement": _batch_execute_statement' in source


def test_items_are_copied_and_statements_parsed_where_that_is_quickened():
    from ministack.services import dynamodb

    from recsys.local.aws.dynamodb import items

    assert "copy.deepcopy(item)" in inspect.getsource(dynamodb._partiql_update)
    for function in (dynamodb._batch_execute_statement, dynamodb._execute_statement):
        assert "_parse_partiql(" in inspect.getsource(function)
    source = inspect.getsource(dynamodb)
    for name in ("parse_partiql_statement", "_partiql_parameter_error", "_partiql_update", "_attribute_value_size"):
        assert f" {name}(" in source
    item = {"id": {"S": "x"}, "list": {"L": [{"N": "1"}, {"B": b"b"}, {"BOOL": True}, {"NULL": True}]}, "set": {"a"}}
    copied = items.copied(item)
    assert copied == item
    assert copied["list"]["L"][0] is not item["list"]["L"][0]


def test_workers_are_leased_and_dropped_where_an_update_spares_them():
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    made = inspect.getsource(lambda_svc._execute_function_warm)
    assert "acquire_worker(func_name, config, code_zip, qualifier=qualifier)" in made
    assert "release_worker(worker)" in made
    for function in (lambda_svc._update_code, lambda_svc._update_config):
        assert 'invalidate_worker(name, qualifier="$LATEST"' in inspect.getsource(function)
    key = lambda_runtime._worker_key(
        "f", {"FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f"}, "$LATEST"
    )
    assert key == "000000000000:us-east-1:f:$LATEST"


def test_asynchronous_calls_are_made_where_they_are_queued():
    from ministack.services import eventbridge, lambda_svc, s3

    assert calls_by_name(lambda_svc, "invoke_async_with_retry")
    assert parameters(lambda_svc.invoke_async_with_retry) == parameters(lambda_svc._execute_function)
    assert parameters(lambda_svc._route_async_failure) == ["target_arn", "func_name", "event", "result"]
    assert calls_by_name(eventbridge, "_dispatch_to_lambda")
    assert parameters(eventbridge._dispatch_to_lambda) == ["arn", "payload"]
    assert lambda_svc._throttle_response("reason", "message")["throttle"] is True
    assert isinstance(s3._multipart_uploads._data, dict)


def test_a_template_is_checked_where_more_is_looked_at():
    from ministack.services.cloudformation import changesets, engine, handlers

    assert calls_by_name(handlers, "_capabilities_enforced")
    assert calls_by_name(engine, "_validate_template_statics")
    assert all(calls_by_name(module, "_resolve_parameters") for module in (changesets, engine, handlers))
    assert parameters(engine._resolve_parameters) == ["template", "provided_params", "previous_params"]
    assert list(engine._intrinsic_references({"Fn::Sub": "${A.b} ${!C}"})) == [("A", "b")]


def test_a_nested_stack_updates_its_resources_by_the_function_that_keeps_their_attributes():
    from ministack.services.cloudformation import provisioners

    assert calls_by_name(provisioners, "_update_resource")
    assert parameters(provisioners._update_resource)[4:] == ["stack_name", "logical_id", "old_attrs"]


def test_rules_go_by_a_clock_that_can_be_replaced():
    from ministack.services import eventbridge

    assert calls_by_name(eventbridge, "_now_ts")
    assert "_now_ts()" in inspect.getsource(eventbridge._tick_scheduled_rules)
    assert "_tick_scheduled_rules()" in inspect.getsource(eventbridge._scheduler_loop)
