/* Handing committed batches to the executor, and taking its results back. */
#ifndef BYZ_PROXY_PBFT_DELIVER_H
#define BYZ_PROXY_PBFT_DELIVER_H

struct pbft;
struct pbft_event;

/* Delivers what is committed, in order and without gaps. */
void deliver_all(struct pbft *core);
/* The results of the next delivered batch. */
void deliver_executed(struct pbft *core, const struct pbft_event *event);

#endif
