"""Two gateways, each on a machine of its own, and one database; see nodes_trial.py."""

from pathlib import Path

import pytest

from tests.e2e import nodes

TRIAL = Path(__file__).with_name("nodes_trial.py")


@pytest.mark.skipif(not nodes.possible(), reason="network namespaces need root")
@pytest.mark.timeout(200)
def test_no_charge_is_lost_or_doubled_when_a_node_is_cut_off_killed_and_brought_back() -> None:
    nodes.rerun_inside(str(TRIAL), 180)
