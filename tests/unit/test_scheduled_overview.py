# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is shown of jobs beside the findings: on the host's own clock, and without what may be secret."""

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import job_times, scheduled_overview
from ansible_collections.phpfleet.remediation.plugins.module_utils.plain import plain
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import DescribedHost
from test_captured_hosts import open_host, read

POLICY = policy_from({})


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("UTC0", "2026-11-22T05:28:00+00:00"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-11-22T06:28:00+01:00"),
        ("<+0545>-5:45", "2026-11-22T11:13:00+05:45"),
        ("NST3:30NDT,M3.2.0,M11.1.0", "2026-11-22T01:58:00-03:30"),
    ],
)
def test_a_time_is_shown_on_the_clock_of_the_host(zone: str, shown: str) -> None:
    header = b"TZif2" + bytes(15) + (0).to_bytes(4, "big") * 3 + (0).to_bytes(4, "big")
    counts = (1).to_bytes(4, "big"), (4).to_bytes(4, "big")
    one = header + counts[0] + counts[1] + bytes(6) + b"UTC\0"
    host = DescribedHost(dict(files={"/etc/localtime": one + one + b"\n" + zone.encode() + b"\n"}))
    assert job_times.local_time(host, 1795325280.9) == shown


def test_a_clock_that_cannot_be_read_leaves_nothing_to_be_told() -> None:
    described = read("scheduled-nightly-restart", "host.yml")
    host = DescribedHost(dict(described, files=dict(described["files"], **{"/etc/localtime": "no time zone"})))
    with pytest.raises(CannotLook, match="/etc/localtime"):
        host.once(scheduled_overview.gather, POLICY)


def test_every_job_that_touches_a_web_service_is_shown_with_what_it_comes_to() -> None:
    shown = open_host("scheduled-nightly-restart").once(scheduled_overview.gather, POLICY)
    (job,) = shown.jobs
    assert (shown.total, shown.unseen) == (2, ())
    assert (job.object, job.kind, job.user, job.schedule) == ("/etc/crontab:6", "crontab", "root", "28 5 * * *")
    assert job.next_runs_local[0] == "2026-11-22T05:28:00+00:00" and job.next_runs[0] == 1795325280.0
    assert job.package == "cron"
    (effect,) = job.effects
    assert (effect.names, effect.does, effect.starts, effect.cuts) == (("php8.2-fpm",), "stops", True, "at once")
    assert effect.signals[0] == "SIGTERM" and effect.chain[0].startswith(
        "/etc/crontab:6: /etc/init.d/php8.2-fpm restart"
    )
    assert job.runs is not None and job.runs.seen == 14


def test_jobs_that_never_run_and_ways_that_are_lost_are_shown_and_secrets_are_not() -> None:
    shown = open_host("scheduled-many").once(scheduled_overview.gather, POLICY)
    jobs = {job.object: job for job in shown.jobs}
    assert "Debian's cron reads only" in (jobs["/etc/cron.d/php-restart.sh:1"].never or "")
    assert "/usr/local/sbin/watch.py" in jobs["/etc/cron.d/watch:1"].unfollowed[0]
    assert "hunter2" not in repr(plain(shown)) and "hunter2" in repr(read("scheduled-many", "host.yml"))
