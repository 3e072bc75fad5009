"""Who may do what, by route: the rules that the permission matrix is checked against."""

from __future__ import annotations

from typing import Any, NamedTuple

V1 = "/api/v1"


class Rule(NamedTuple):
    """What each caller is answered: 0 is anything but a refusal (it may be a conflict, or a wrong body)."""

    admin: int
    operator: int
    viewer: int
    own: int  # a vendor on what is its own
    other: int  # a vendor on what is another's


PUBLIC = "everybody, without a token"
ALL_READ = Rule(0, 0, 0, 0, 0)
NO_VENDOR = Rule(0, 0, 0, 403, 403)
READ = Rule(0, 0, 0, 0, 404)
STEER = Rule(0, 0, 403, 0, 404)
VENDORS = Rule(0, 403, 403, 0, 404)
ADMINS = Rule(0, 403, 403, 403, 403)
COMMAND = f"{V1}/commands/{{command_id}}"
TASKS = f"{V1}/external-tasks"
RULES: dict[tuple[str, str], Rule | str] = {
    ("POST", f"{V1}/commands"): Rule(0, 0, 403, 0, 403),
    ("GET", f"{V1}/commands"): ALL_READ,
    ("GET", COMMAND): READ,
    ("GET", f"{COMMAND}/tree"): READ,
    ("GET", f"{COMMAND}/parts"): READ,
    ("GET", f"{COMMAND}/events"): READ,
    ("GET", f"{COMMAND}/preview"): NO_VENDOR,
    ("POST", f"{COMMAND}/pause"): Rule(0, 0, 403, 403, 403),
    ("POST", f"{COMMAND}/resume"): Rule(0, 0, 403, 403, 403),
    ("GET", f"{V1}/pauses"): NO_VENDOR,
    ("POST", f"{V1}/locks/unlock"): Rule(0, 0, 403, 403, 403),
    ("POST", f"{V1}/pauses"): Rule(0, 0, 403, 403, 403),
    ("POST", f"{V1}/pauses/resume"): Rule(0, 0, 403, 403, 403),
    ("POST", f"{V1}/commands/bulk"): Rule(0, 0, 403, 0, 0),  # each that is refused is a result
    ("POST", f"{COMMAND}/stop"): STEER,
    ("POST", f"{COMMAND}/restart"): STEER,
    ("POST", f"{COMMAND}/skip"): STEER,
    ("POST", f"{COMMAND}/clear"): STEER,
    ("POST", f"{COMMAND}/resolve"): STEER,
    ("GET", f"{COMMAND}/grants"): STEER,
    ("PUT", f"{COMMAND}/grants/{{vendor}}"): STEER,
    ("DELETE", f"{COMMAND}/grants/{{vendor}}"): Rule(0, 0, 403, 0, 404),
    ("POST", TASKS): VENDORS,
    ("GET", TASKS): ALL_READ,
    ("POST", f"{TASKS}/claim"): Rule(0, 403, 403, 0, 0),  # of its own alone
    ("POST", f"{TASKS}/bulk"): Rule(0, 403, 403, 0, 0),
    ("GET", f"{TASKS}/{{task_id}}"): READ,
    ("PATCH", f"{TASKS}/{{task_id}}"): VENDORS,
    ("POST", f"{TASKS}/{{task_id}}/heartbeat"): VENDORS,
    ("GET", f"{V1}/kinds"): ALL_READ,
    ("GET", f"{V1}/kinds/{{kind}}"): READ,
    ("GET", f"{V1}/kinds/{{kind}}/grants"): ADMINS,
    ("PUT", f"{V1}/kinds/{{kind}}/grants/{{vendor}}"): ADMINS,
    ("DELETE", f"{V1}/kinds/{{kind}}/grants/{{vendor}}"): ADMINS,
    ("GET", f"{V1}/webhooks"): Rule(0, 403, 403, 0, 0),  # of its own alone
    ("POST", f"{V1}/webhooks"): Rule(0, 403, 403, 0, 0),
    ("PUT", f"{V1}/webhooks/{{endpoint_id}}"): VENDORS,
    ("POST", f"{V1}/webhooks/{{endpoint_id}}/rotate"): VENDORS,
    ("DELETE", f"{V1}/webhooks/{{endpoint_id}}"): VENDORS,
    ("GET", f"{V1}/webhooks/dead-letters"): Rule(0, 0, 403, 0, 0),  # of its own alone
    ("POST", f"{V1}/webhooks/dead-letters/{{delivery_id}}/resend"): Rule(0, 0, 403, 0, 0),
    ("GET", f"{V1}/feed"): ALL_READ,
    ("GET", f"{V1}/workers"): NO_VENDOR,
    ("GET", f"{V1}/locks"): NO_VENDOR,
    ("GET", f"{V1}/audit"): NO_VENDOR,
    ("GET", f"{V1}/check"): NO_VENDOR,
    ("GET", f"{V1}/entities/{{entity}}"): NO_VENDOR,
    ("GET", f"{V1}/adapters"): NO_VENDOR,
    ("GET", f"{V1}/adapters/troubles"): NO_VENDOR,
    ("GET", f"{V1}/queues"): NO_VENDOR,
    ("GET", f"{V1}/whoami"): ALL_READ,
    ("GET", f"{V1}/tokens"): ADMINS,
    ("POST", f"{V1}/tokens"): ADMINS,
    ("DELETE", f"{V1}/tokens/{{name}}"): ADMINS,
    ("POST", f"{V1}/session"): PUBLIC,
    ("DELETE", f"{V1}/session"): PUBLIC,
    ("POST", "/login"): PUBLIC,
    ("POST", "/logout"): PUBLIC,
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/metrics"): PUBLIC,
    ("GET", "/"): PUBLIC,  # the page: the same document for all its addresses
    ("GET", "/commands/{command_id}"): PUBLIC,
    ("GET", "/workers"): PUBLIC,
    ("GET", "/locks"): PUBLIC,
}

OVIRT = "/ovirt-engine"
JOB = f"{OVIRT}/api/jobs/{{job_id}}"
OVIRT_RULES: dict[tuple[str, str], Rule | str] = {
    ("GET", f"{OVIRT}/api"): ALL_READ,
    ("GET", f"{OVIRT}/api/jobs"): ALL_READ,
    ("POST", f"{OVIRT}/api/jobs"): Rule(
        0, 403, 403, 0, 0
    ),  # a job of its own, whatever else there is
    ("GET", JOB): READ,
    ("POST", f"{JOB}/end"): VENDORS,
    ("POST", f"{JOB}/clear"): VENDORS,
    ("GET", f"{JOB}/steps"): READ,
    ("POST", f"{JOB}/steps"): VENDORS,
    ("GET", f"{JOB}/steps/{{step_id}}"): READ,
    ("PUT", f"{JOB}/steps/{{step_id}}"): VENDORS,
    ("POST", f"{JOB}/steps/{{step_id}}/end"): VENDORS,
    ("GET", f"{JOB}/steps/{{step_id}}/statistics"): READ,
    ("GET", f"{OVIRT}/api/users/{{user_id}}"): Rule(
        0, 0, 0, 0, 404
    ),  # itself; who sees all sees all
}
RULES |= OVIRT_RULES
RULES |= {  # the same under the prefix with the version
    (method, path.replace("/api", "/api/v4", 1)): rule
    for (method, path), rule in OVIRT_RULES.items()
}
RULES |= {
    ("POST", f"{OVIRT}/sso/oauth/token"): PUBLIC,  # with a name and a password
    ("POST", f"{OVIRT}/sso/oauth/revoke"): PUBLIC,  # of the token that is sent
    ("POST", f"{OVIRT}/services/sso-logout"): PUBLIC,
    ("GET", f"{V1}/openapi.json"): PUBLIC,
}
GUARDED = {key: rule for key, rule in RULES.items() if isinstance(rule, Rule)}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", f"{COMMAND}/resolve"): {"outcome": "failed"},
    ("POST", f"{V1}/locks/unlock"): {"entity": "vm:nothing", "reason": "x"},
    ("POST", f"{V1}/pauses"): {"subject": "kind:nothing.such"},
    ("POST", f"{V1}/pauses/resume"): {"subject": "kind:nothing.such"},
    ("POST", f"{V1}/commands/bulk"): {"verb": "stop", "ids": ["ffffffff"]},
    ("PATCH", f"{TASKS}/{{task_id}}"): {"progress": 0.1},
    ("PUT", f"{COMMAND}/grants/{{vendor}}"): {},
    ("PUT", f"{V1}/kinds/{{kind}}/grants/{{vendor}}"): {},
}
STEP = {"description": "x", "type": "executing"}
for prefix in (f"{OVIRT}/api", f"{OVIRT}/api/v4"):
    BODIES["POST", f"{prefix}/jobs"] = {"description": "x"}
    BODIES["POST", f"{prefix}/jobs/{{job_id}}/steps"] = STEP
