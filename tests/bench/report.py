"""The report: tables for people, RATIO lines for programs."""
import os
import platform
import statistics
import subprocess

NOTES = """
How to read it. Each point was measured {runs} time(s), the systems in turns, each time beginning
with another one; a figure is the median. All clients, servers and proxies share this machine's
processors, so a system that executes everything four times has at best a fraction of one
PostgreSQL's throughput. "others" is the share of the machine that was used meanwhile by what does
not belong to the measured system (other programs, the kernel's own threads): what was measured
beside much of it is noise. Absolute figures do not carry to another hour; ratios of one run do.
"""
WORKLOADS = {
    "tpcb-N": "pgbench -N: BEGIN, an UPDATE, a SELECT, an INSERT, COMMIT",
    "tpcb": "pgbench's TPC-B-like transaction, with its hot rows",
    "select-only": "pgbench -S: one SELECT, a transaction of its own",
    "orders": "a mix in the shape of TPC-C (workload_orders.c says how it differs)",
}
COUNTERS_LEAST = 0.01  # per transaction; less is our own asking
LEGEND_COST = """\
  user+sys in µs of processors' time per transaction; queued: time that threads were ready and
  waited for a processor; switches: context switches. Per transaction, summed over all servers:
  trips: the client's round trips to PostgreSQL (a pipeline is one; through proxies see the
  explaining runs); commits of PostgreSQL; flushes of its WAL (pg_stat_wal: standbys count only some
  of theirs); bytes of WAL, and images of whole pages in it, which come once per page after the
  checkpoint that begins each point."""


def say(text=""):
    print(text, flush=True)


def command_line(*command):
    try:
        return subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL).strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def median(points, name):
    return statistics.median(p[name] for p in points)


def header(options, systems):
    say("BYZANTIUM BENCHMARK")
    say()
    processors = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                  if line.startswith("model name")]
    say(f"machine     {os.cpu_count()} processors ({processors[0] if processors else 'unknown'}), "
        f"Linux {platform.release()}")
    say(f"PostgreSQL  {command_line('pg_config', '--version')}")
    source = command_line("git", "-c", "safe.directory=*", "describe", "--always", "--dirty")
    say(f"source      {source}")
    say(f"points      {options.seconds} s each behind 1 s of warm-up, {options.runs} run(s), "
        f"clients {' '.join(map(str, options.clients))}")
    say(f"data        scale {options.scale} (pgbench's; warehouses)")
    say(f"seeds       {options.seed} and following, one for each run, the same for all systems")
    for title, lines in (("workloads", [(w, WORKLOADS[w]) for w in options.workloads]),
                         ("systems", [(s.name, s.what) for s in systems])):
        for name, what in lines:
            say(f"{title:11} {name}: {what}")
            title = ""
    say(NOTES.format(runs=options.runs))


def progress(system, workload, clients, run, point):
    say(f"  run {run + 1}  {workload:12} {clients:3} clients  {system.name:29} "
        f"{point['tps']:9.1f} tps  others {point['others_percent']:3.0f} %")


def table_speed(rows):
    say(f"{'clients':>7}  {'system':29} {'tps':>9} {'(least–most)':>17} {'p50 ms':>8} {'p95 ms':>8}"
        f" {'p99 ms':>8} {'retries':>8} {'others':>7}")
    for clients, system, points in rows:
        tps = [p["tps"] for p in points]
        say(f"{clients:7}  {system.name:29} {statistics.median(tps):9.1f} "
            f"{f'({min(tps):.0f}–{max(tps):.0f})':>17}"
            + "".join(f" {median(points, n) / 1000:8.2f}" for n in ("p50_us", "p95_us", "p99_us"))
            + f" {median(points, 'retries'):8.3f} {median(points, 'others_percent'):5.0f} %")


def table_cost(rows):
    groups = ("client", "proxies", "postgres")
    say(f"{'clients':>7}  {'system':29}" + "".join(f" {g + ' µs':>12}" for g in groups)
        + f" {'all µs':>7} {'queued':>7} {'switches':>8} {'trips':>6} {'commits':>7} {'flushes':>7}"
        f" {'WAL B':>7} {'images':>7}")
    for clients, system, points in rows:
        say(f"{clients:7}  {system.name:29}"
            + "".join(f" {split(points, g):>12}" for g in groups)
            + f" {median(points, 'all_cpu_us'):7.0f} {median(points, 'all_queued_us'):7.0f}"
            f" {median(points, 'all_switches'):8.1f}"
            + (f" {median(points, 'round_trips'):6.2f}" if not system.replicas
               else f" {'-':>6}")
            + f" {median(points, 'commits'):7.2f} {median(points, 'flushes'):7.3f}"
            f" {median(points, 'wal_bytes'):7.0f} {median(points, 'full_pages'):7.3f}")
    say(LEGEND_COST)


def split(points, group):
    return f"{median(points, group + '_user_us'):.0f}+{median(points, group + '_system_us'):.0f}"


def table_phases(rows):
    say(f"{'clients':>7}  {'system':29} {'begin ms':>9} {'statements':>10} {'commit':>8}   "
        "mean time that a client waits, retries included")
    for clients, system, points in rows:
        say(f"{clients:7}  {system.name:29} {median(points, 'begin_us') / 1000:9.3f} "
            f"{median(points, 'statements_us') / 1000:10.3f} "
            f"{median(points, 'commit_us') / 1000:8.3f}")


def counters(rows):
    """What the proxies count in their STATUS, per transaction."""
    for clients, system, points in rows:
        names = sorted({name for p in points for name, n in p["counters"].items()
                        if n >= COUNTERS_LEAST})
        if names:
            say(f"{clients:7}  {system.name}'s own counters per transaction, all replicas: "
                + ", ".join(f"{n} {statistics.median(p['counters'].get(n, 0) for p in points):.3g}"
                            for n in names))


def table_computed(rows):
    """Said to be computed: nobody measured it."""
    processors = os.cpu_count() or 1
    say("COMPUTED, not measured: what the busiest server (with its proxy) uses per transaction;")
    say(f"what {processors} processors for each server, with the clients elsewhere, could then do "
        "at most")
    say(f"{'clients':>7}  {'system':29} {'busiest µs':>10} {'tps at most':>11}")
    for clients, system, points in rows:
        place = median(points, "place_us")
        if place > 0:
            say(f"{clients:7}  {system.name:29} {place:10.0f} {processors * 1e6 / place:11.0f}")


def workload(name, rows):
    say()
    say(f"==== {name}")
    for part in (table_speed, table_cost, table_phases, counters, table_computed):
        say()
        part(rows)


def explanation(workload_name, clients, system, point, seen):
    """One explaining run."""
    count, tps = point["count"], point["tps"]
    say()
    say(f"---- where the time goes: {workload_name}, {clients} clients, {system.name} "
        f"({tps:.0f} tps while being watched)")
    for group in ("client", "proxies", "postgres"):
        if point[group + "_us"] > 0:
            say(f"  {group:9} {point[group + '_user_us']:7.0f} µs user "
                f"{point[group + '_system_us']:7.0f} µs kernel "
                f"{point[group + '_queued_us']:8.0f} µs queued "
                f"{point[group + '_switches']:6.1f} switches per transaction")
    if system.replicas:
        p = seen.proxies
        average = p["bytes"] / max(p["messages"], 1)
        say("  proxies, all together, per transaction: "
            f"{p['round_trips'] / count:.2f} round trips to PostgreSQL,")
        say(f"  {p['messages'] / count:.2f} messages of {average:.0f} bytes on average "
            "(those that left together count as one)")
    say("  PostgreSQL's sessions, per transaction, wait …")
    for what, sessions in sorted(seen.waits.items(), key=lambda item: -item[1]):
        if what != "idle" and sessions / tps * 1e6 >= 1:
            say(f"    {sessions / tps * 1e6:9.0f} µs  {what}")
    say("  processors' time, by process and library (perf, cpu-clock)")
    for line in seen.perf.lines("comm,dso"):
        say("  " + line)
    say("  … and by function")
    for line in seen.perf.lines("comm,dso,symbol"):
        say("  " + line)


def ratios(results, systems):
    """Byzantium's throughput as a part of each baseline's: the median over the runs, each run's
    two points having been measured shortly after each other."""
    lines = []
    for (name, clients), by_system in results.items():
        ours = by_system.get("byzantium")
        for system in systems:
            theirs = by_system.get(system.name)
            if ours and theirs and system.name != "byzantium":
                parts = [a["tps"] / b["tps"] for a, b in zip(ours, theirs)]
                lines.append((name, clients, system.name, parts))
    say()
    say("==== byzantium's throughput, as a part of each baseline's: median (least–most)")
    for name, clients, baseline, parts in lines:
        say(f"  {name:12} {clients:3} clients  {baseline:29} {statistics.median(parts):6.3f} "
            f"({min(parts):.3f}–{max(parts):.3f})")
    say()
    for name, clients, baseline, parts in lines:
        say(f"RATIO {name} {clients} {baseline} {statistics.median(parts):.3f}")
