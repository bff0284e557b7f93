"""Kubernetes manifests, the compose file and systemd's unit agree with the product and the image.

`make deploy-check` lets tools that know these formats read them.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.settings import Settings, rows
from tests.e2e.server import REPOSITORY
from tests.packaging.dockerfile import pairs, stages

NAMES = {name for _, row, _ in rows() for name in row.env}
IMAGE = stages(REPOSITORY / "Dockerfile")[-1]
KUBERNETES = REPOSITORY / "conf" / "kubernetes"
UNIT = (REPOSITORY / "conf" / "tollgate.service").read_text(encoding="utf-8")
UNIT_DATA = "/var/lib/tollgate"


def manifests() -> dict[str, dict[str, Any]]:
    """Return the manifests by kind and name."""
    found = {}
    for file in sorted(KUBERNETES.glob("*.yaml*")):
        for each in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            found[f"{each['kind']}/{each['metadata']['name']}"] = each
    return found


KINDS = manifests()
SET = KINDS["StatefulSet/tollgate"]["spec"]
POD = SET["template"]["spec"]
(CONTAINER,) = POD["containers"]


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text("utf-8"))
    return loaded


def unit(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT, re.M)


@pytest.mark.parametrize(
    "given",
    [
        KINDS["ConfigMap/tollgate"]["data"],
        KINDS["Secret/tollgate"]["stringData"],
        compose()["services"]["gateway-1"]["environment"],
        {word.split("=")[0]: "" for word in unit("Environment")[0].split()},
        pairs(IMAGE.last("ENV")),
    ],
    ids=["config map", "secret", "compose", "systemd", "image"],
)
def test_every_name_is_a_setting(given: dict[str, str]) -> None:
    assert given.keys() - NAMES <= {"PATH", "PYTHONUNBUFFERED"}


def test_a_pod_is_what_the_image_expects() -> None:
    security = POD["securityContext"]
    user = f"{security['runAsUser']}:{security['runAsGroup']}"
    assert security["runAsNonRoot"] and user == IMAGE.last("USER")
    assert security["fsGroup"] == security["runAsGroup"]
    mounts = {mount["mountPath"]: mount["name"] for mount in CONTAINER["volumeMounts"]}
    claims = {claim["metadata"]["name"] for claim in SET["volumeClaimTemplates"]}
    assert mounts[IMAGE.last("VOLUME")] in claims  # the spill outlives the pod
    assert CONTAINER["securityContext"]["readOnlyRootFilesystem"] and "/tmp" in mounts


def test_probes_ask_the_ops_port_and_wait_long_enough() -> None:
    data = KINDS["ConfigMap/tollgate"]["data"]
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    assert ports == {"http": int(IMAGE.last("EXPOSE")), "ops": int(data["OPS_PORT"])}
    asked = {
        name: CONTAINER[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")
    }
    assert {probe["port"] for probe in asked.values()} == {"ops"}
    assert asked["liveness"]["path"] == "/health/live"
    assert asked["readiness"]["path"] == "/health/ready?degraded=ok"
    pause = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = int(data["DRAIN_TIMEOUT"])
    assert POD["terminationGracePeriodSeconds"] >= pause + drain + 20


def test_labels_and_names_of_the_manifests_fit_together() -> None:
    labels = SET["template"]["metadata"]["labels"]
    disruption = KINDS["PodDisruptionBudget/tollgate"]["spec"]
    assert SET["selector"]["matchLabels"] == disruption["selector"]["matchLabels"] == labels
    assert SET["replicas"] > disruption["maxUnavailable"]
    for name in ("tollgate", SET["serviceName"]):
        service = KINDS[f"Service/{name}"]["spec"]
        assert service["selector"] == labels
        known = {port["name"] for port in CONTAINER["ports"]}
        assert {port["targetPort"] for port in service["ports"]} <= known
    assert {next(iter(each.values()))["name"] for each in CONTAINER["envFrom"]} == {"tollgate"}
    aim = KINDS["HorizontalPodAutoscaler/tollgate"]["spec"]["scaleTargetRef"]
    assert f"{aim['kind']}/{aim['name']}" in KINDS


def test_gateways_of_the_compose_file_share_books_and_secrets_but_no_volume() -> None:
    services = compose()["services"]
    first, second = services["gateway-1"], services["gateway-2"]
    assert first["environment"] == second["environment"]
    assert first["volumes"] != second["volumes"]
    assert not first.get("init"), "the server is the first process"
    seconds = int(first["stop_grace_period"].removesuffix("s"))
    assert seconds >= Settings().drain_timeout_s + 10
    assert services["nginx"]["networks"].keys() == {"front"}
    address = services["nginx"]["networks"]["front"]["ipv4_address"]
    assert first["environment"]["TRUSTED_PROXIES"] == address
    assert compose()["networks"]["books"]["internal"]
    assert services["mongo-1"]["networks"] == services["redis"]["networks"] == ["books"]
    asked = " ".join(services["mongo-1"]["healthcheck"]["test"])
    assert all(f"{name}:27017" in asked for name in ("mongo-1", "mongo-2", "mongo-3"))


def test_the_unit_stops_as_the_server_does_and_gives_nothing_else_away() -> None:
    (environment,) = unit("Environment")
    assert f"TOLLGATE_DATA_DIR={UNIT_DATA}" in environment.split()
    assert unit("StateDirectory") == [Path(UNIT_DATA).name]
    assert int(unit("TimeoutStopSec")[0]) >= Settings().drain_timeout_s + 20
    assert unit("RestartPreventExitStatus") == ["2"]  # what a wrong setting ends with
    for name in ("NoNewPrivileges", "ProtectHome", "PrivateDevices", "RestrictNamespaces"):
        assert unit(name) == ["yes"]
    assert unit("CapabilityBoundingSet") == [""]
