"""What the four answers to a transaction mean."""
from dataclasses import dataclass

LOCAL_CLASSES = ("53", "57", "58")  # a server's own limits: never a result (proxy/exec/judge.c)
LOCAL_STATES = ("40P01", "55P03", "54001")
UNCERTAIN = 1


@dataclass
class Answer:
    flags: int
    failed: bool
    value: str  # the result's hash, or the SQLSTATE

    @classmethod
    def parse(cls, text):
        mark = "!" if "!" in text else ":"
        flags, _, value = text.partition(mark)
        return cls(int(flags), mark == "!", value)

    def is_local(self):
        return self.failed and (self.value[:2] in LOCAL_CLASSES or self.value in LOCAL_STATES)


def judge_statement(answers):
    """'' if all say the same; else what sets them apart."""
    if any(a.is_local() for a in answers):
        return "local"
    if any(a.failed and a.value.startswith("XX") for a in answers):
        return "INTERNAL ERROR"
    if all(a == answers[0] for a in answers):
        return ""
    well = [a for a in answers if not a.failed]
    if well and all(a.flags & UNCERTAIN for a in well):
        return "uncertain"
    if not well:
        return "failed apart"  # no replica goes on, and none is accused (JUDGE_DOUBTFUL)
    if len(well) < len(answers):
        return "ERROR ON SOME"
    return "RESULT" if len({a.value for a in answers}) > 1 else "FLAGS"


def judge(answers, digests):
    """Of a whole transaction: (what, the statement's index). Behind the first difference nothing can
    be compared; an honest replica's vote ends there. What is stored must be equal whatever the flags."""
    for index, of_statement in enumerate(answers):
        what = judge_statement(of_statement)
        if what:
            return what, index
    if len(set(digests)) > 1:
        return "STORED", len(answers) - 1
    return "", 0


def is_difference(what):
    return what.isupper()
