/* What the log says about agreement: who leads, who gave up on whom and why, who is silent. */
#include "proxy/driver_internal.h"

#include "proxy/log.h"

#include <inttypes.h>

static void show_suspicion(struct driver *d, const struct pbft_info *info)
{
    if (info->suspects == d->shown.suspects)
        return;
    d->shown.suspects = info->suspects;
    if (info->suspects)
        log_line(LEVEL_LOG, "gives up on primary replica %u (view %" PRIu64 "): %s", info->primary,
            info->view, info->reason ? info->reason : "the others did");
}

static void show_view(struct driver *d, const struct pbft_info *info)
{
    if (d->shown.any && info->view == d->shown.view && info->active == d->shown.active)
        return;
    d->shown.any = true;
    d->shown.view = info->view;
    d->shown.active = info->active;
    if (info->active)
        log_line(LEVEL_LOG, "primary is replica %u (view %" PRIu64 ")", info->primary, info->view);
    else
        log_line(LEVEL_LOG,
            "the primary is being replaced: waits for replica %u (view %" PRIu64 ")", info->primary,
            info->view);
    driver_report_soon(d);
}

static void show_silence(struct driver *d, const struct pbft_info *info)
{
    if (info->silent == d->shown.silent && info->silent_until == d->shown.silent_until)
        return;
    if (!info->silent)
        log_line(LEVEL_LOG, "takes part in agreement again");
    else if (info->silent_until == 0)
        log_line(LEVEL_WARNING, "the durable log was lost: this replica is silent in agreement");
    else
        log_line(LEVEL_LOG, "silent in agreement until checkpoint %" PRIu64 " is stable",
            info->silent_until);
    d->shown.silent = info->silent;
    d->shown.silent_until = info->silent_until;
    driver_report_soon(d);
}

void driver_show_agreement(struct driver *d)
{
    struct pbft_info info;
    pbft_info(d->core, &info);
    show_suspicion(d, &info);
    show_view(d, &info);
    show_silence(d, &info);
}
