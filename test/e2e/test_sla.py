"""The promise on replication lag: measured at the home all the time, told when it is broken."""

from harness import wait_for


def test_a_copy_that_is_gone_breaks_it_and_a_quiet_one_does_not(own_playground):
    playground, acme = own_playground, own_playground.tenant("acme")
    home = playground.wait_home("us-1")
    playground.wait_converged(["us-1"])
    sla = playground.cell(home, "us-1")["sla"]
    assert sla["target_ms"] == 500 and not sla["broken"] and sla["breaches"] == 0, sla
    playground.kill("us-west")
    assert acme.put(home, "notes/x", b"1").status == 204
    wait_for("it is broken", lambda: playground.cell(home, "us-1")["sla"]["broken"])
    assert playground.metric(home, "holdfast_cell_sla_broken", "us-1") == 1
    assert playground.metric(home, "holdfast_cell_lag_ms", 'cell="us-1",copy="us-west"') >= 500
    playground.restore("us-west")
    wait_for("it is kept again", lambda: not playground.cell(home, "us-1")["sla"]["broken"])
    sla = playground.cell(home, "us-1")["sla"]
    assert sla["breaches"] == 1 and sla["broken_ms"] > 0 and sla["kept_ms"] > 0, sla
    assert playground.metric(home, "holdfast_cell_sla_breaches_total", "us-1") == 1
    assert 90 <= playground.metric(home, "holdfast_cell_sla_budget_left_percent", "us-1") <= 100
    log = playground.log(home)
    assert "over replication_sla" in log and "within replication_sla again" in log
    other = playground.cell("us-west", "us-1")["sla"]  # only the home measures
    assert other["kept_ms"] == 0 and not other["broken"]
