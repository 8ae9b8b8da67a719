/* Old messages again, and bytes that mean nothing. */
#include "tests/sim/byzantine.h"
#include "tests/sim/sim.h"

#define NOISE_BYTES_MAX 300
#define DAMAGED_BITS 3

/* Replaces a random old one, so that some stay for long. */
void byz_noise_keep(struct sim *sim, unsigned from, enum message_type type, struct body *body)
{
    struct adversary *a = &sim->adversary;
    if ((sim->plan.habits & (HABIT_REPLAY | HABIT_TWO_VOTES)) == 0 || sim_chance_below(sim, 8) != 0)
        return;
    struct kept *k = &a->kept[sim_chance_below(sim, KEPT)];
    body_release(k->body);
    *k = (struct kept){.body = body_keep(body), .type = (uint8_t)type, .from = (uint8_t)from};
    a->kept_count++;
}

struct body *byz_noise_change(
    struct sim *sim, unsigned from, unsigned to, enum message_type type, struct body *body)
{
    if (body->size == 0 || !adversary_feels_like(sim, HABIT_GARBAGE))
        return NULL;
    struct body *damaged = body_new(body_slice(body));
    for (unsigned i = 0; i < DAMAGED_BITS; i++)
        damaged->bytes[sim_chance_below(sim, damaged->size)] ^=
            (uint8_t)(1u << sim_chance_below(sim, 8));
    if (sim_chance_below(sim, 4) == 0)
        damaged->size = (uint32_t)sim_chance_below(sim, damaged->size);
    return damaged;
}

static void say_nonsense(struct sim *sim)
{
    uint8_t bytes[NOISE_BYTES_MAX];
    size_t size = sim_chance_below(sim, NOISE_BYTES_MAX);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(sim_chance_below(sim, 2) * sim_chance_below(sim, 256));
    enum message_type type = (enum message_type)(
        MESSAGE_PRE_PREPARE + sim_chance_below(sim, MESSAGE_CONTENT - MESSAGE_PRE_PREPARE + 1));
    adversary_say(
        sim, adversary_any(sim), adversary_victim(sim), type, body_new(slice_of(bytes, size)), 0);
}

static void say_again(struct sim *sim)
{
    const struct kept *k = &sim->adversary.kept[sim_chance_below(sim, KEPT)];
    if (k->body == NULL)
        return;
    unsigned liar = sim_is_faulty(sim, k->from) && sim->replicas[k->from].core != NULL
                        ? k->from
                        : adversary_any(sim);
    adversary_say(
        sim, liar, adversary_victim(sim), (enum message_type)k->type, body_keep(k->body), 0);
}

void byz_noise_forge(struct sim *sim)
{
    if (adversary_feels_like(sim, HABIT_GARBAGE))
        say_nonsense(sim);
    for (unsigned i = 0; i < 4; i++) {
        if (adversary_feels_like(sim, HABIT_REPLAY))
            say_again(sim);
    }
}
