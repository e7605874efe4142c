"""The texts of simulated agents: goals, prompts, responses, searches and error messages.

An `Author` writes about one topic. Every choice comes from its random generator: the same state gives the same text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from random import Random
from typing import Literal, TypeVar

from tui.demo.subject import Subject
from tui.demo.topic import Topic
from tui.demo.voice import VOICES

T = TypeVar("T")

Task = Mapping[str, object]
"""A task in the JSON of a plan: id, task_type, goal, dependency."""

Duty = Literal["atom", "plan", "goal", "write", "think", "merge"]
"""Kind of answer that a model call asks for."""

DUTIES: dict[Duty, str] = {
    "atom": "You judge writing tasks. Answer `atomic` if one person can write it in one sitting from what is known, "
    "and `complex` if it should be split first. You may also sharpen the goal.",
    "plan": "You plan for a team of writers. Split the task into tasks of three kinds: `think` settles a question, "
    "`search` gathers sources, `write` produces text. Name for each task the ids it depends on.",
    "goal": "You sharpen search tasks. The tasks this one depends on are finished; say what is still worth looking for.",
    "write": "You write one part of a longer text. Other writers have the other parts: do not repeat what is written, "
    "do not announce what comes next, and give a reference for every figure.",
    "think": "You settle one question for a team of writers. Decide; do not list options that nobody would take.",
    "merge": "You turn search results into notes that others can cite. Keep figures with their date and their source, "
    "and drop whatever does not answer the task.",
}
"""System prompts, by kind of answer."""

FORM = "First think inside <think></think>. Then answer inside <result></result> and add nothing after it."
"""Last paragraph of a prompt."""

LINKS = (
    "That is less surprising than it looks.",
    "The two figures do not contradict each other: they count different things.",
    "Here the sources agree.",
    "A second source puts it lower, but gives no method.",
    "This is the number to watch.",
    "It follows that the order of the steps matters more than their speed.",
    "The exception proves useful rather than awkward.",
    "No newer figure was found.",
)
"""Sentences between claims."""

OPENINGS = (
    "Much that is written about {title} goes back to a single source.",
    "Three things matter for {title}, and they are rarely looked at together.",
    "On {title}, practice is ahead of the literature.",
    "What is known about {title} is enough to decide, though not enough to stop measuring.",
)
"""First sentences of an article."""

MUSINGS = (
    "The goal is narrow enough: {goal} I should not drift into what the neighbouring parts cover.",
    "First I look at what is already known, then at what is missing. The task says: {goal}",
    "What would a reader ask first? Probably for the figure, then for its source. So for this task ({goal}) I start there.",
    "The finished tasks already give the frame. What remains for me is this: {goal}",
)
"""Thoughts before an answer."""

TURNS = (
    "The first results are too general, so I ask for names and years.",
    "What is missing is a source that measured it.",
    "I now look for the opposite claim.",
    "One more query should settle the order of magnitude.",
)
"""Thoughts before a search."""

SITES = ("case study", "statistics", "annual report", "survey results", "pdf", "method and data", "critique")
"""Words at the end of a search query."""

STOP = re.compile(
    "a|an|and|are|as|at|be|by|do|for|from|how|in|into|is|it|its|no|not|of|off|on|one|or|over|that|the|them|then|they|this|"
    "to|under|until|was|we|what|when|where|whether|which|who|with|write|find|collect|decide|work|out|draft|about|section|"
    "part|think|through|gather|look|up"
)
"""Words that are not part of a search query."""

TOOL_FAULTS = (
    ("HTTP_ERROR", "503 Server Error: Service Unavailable for url: https://search.example.org/v2/query"),
    ("HTTP_ERROR", "429 Client Error: Too Many Requests for url: https://search.example.org/v2/query"),
    ("HTTP_ERROR", "HTTPSConnectionPool(host='search.example.org', port=443): Read timed out. (read timeout=20)"),
    ("API_ERROR", "502 Server Error: Bad Gateway for url: https://search.example.org/v2/query"),
)
"""State and error message of failed searches."""

MODEL_FAULTS = (
    "Error code: 429 - rate limit reached for requests per minute, retry after 20 s",
    "Error code: 529 - the model is overloaded",
    "Error code: 408 - request timed out after 120 s",
)
"""Error messages of failed model calls."""


class Author:
    """Writes the texts of agents about one topic.

    `lean`: omit everything that only makes texts longer. Benchmarks of small events use it.
    """

    def __init__(self, topic: Topic, rng: Random, *, lean: bool = False) -> None:
        self.topic = topic
        self.lean = lean
        self._voice = VOICES[topic.mode]
        self._rng = rng
        self._sentences = [self._claim() for _ in range(96)]
        self._paragraphs = [self._paragraph() for _ in range(64)]
        self._starts = [0, *accumulate(len(paragraph) + 2 for paragraph in self._paragraphs)][:-1]
        self._corpus = ("\n\n".join(self._paragraphs) + "\n\n") * 2

    # -- goals ---------------------------------------------------------------------------------------------------------

    def ask(self, item: int) -> str:
        """The request of an input item: that of the topic, or for later items a variation."""
        if item == 0:
            return self.topic.ask
        part, _ = self.topic.sections[item % len(self.topic.sections)]
        return f"{self.topic.ask} This time put the weight on {part}."

    def write_goal(self, subject: Subject, outer: Subject) -> str:
        """The goal of the writing task of `subject`, a part of `outer`."""
        if outer.level == 0:
            return f"Write the part on {subject.title}. {self._pick(self._voice.wishes)}"
        return self._pick(self._voice.parts).format(title=subject.title, outer=outer.title)

    def search_goal(self, outer: Subject, number: int) -> str:
        """The goal of a search about `outer`."""
        if outer.level == 0:
            caveats = self._voice.caveats
            turn, which = divmod(number, len(self.topic.lookups))
            goal = self._voice.lookup.format(title=self.topic.lookups[which]) + caveats[number % len(caveats)]
        else:
            turn, which = divmod(number, len(self._voice.searches))
            which = (which + len(outer.title)) % len(self._voice.searches)
            goal = self._voice.searches[which].format(title=outer.title)
        return f"{goal} Round {turn + 1}." if turn else goal

    def think_goal(self, outer: Subject, number: int) -> str:
        """The goal of a thinking task about `outer`."""
        goals = self.topic.questions if outer.level == 0 else self._voice.thoughts
        return goals[(number + len(outer.title) * outer.level) % len(goals)].format(title=outer.title)

    def sharpened(self, goal: str) -> str:
        """The goal as an agent rewrites it after the prerequisites have finished."""
        return f"{goal.rstrip('. ')}; {self._pick(self._voice.sharper)}."

    # -- prompts and responses -----------------------------------------------------------------------------------------

    def prompt(self, duty: Duty, ask: str, task: Task, extra: int) -> list[dict[str, str]]:
        """The messages of a model call, with about `extra` bytes of context."""
        if self.lean:
            return [{"role": "user", "content": f"{task['goal']}\n\n{self.prose(extra)}"}]
        known = self.prose(extra) or "(nothing yet)"
        text = (
            f"Your task: {task['goal']}\n\n# The request it serves\n{ask}\n\n# The task as planned\n"
            f"{json.dumps(task, ensure_ascii=False)}\n\n# Known and written so far\n{known}\n\n# How to answer\n{FORM}"
        )
        return [{"role": "system", "content": DUTIES[duty]}, {"role": "user", "content": text}]

    def verdict(self, task: Task, verdict: str, goal: str | None, extra: int) -> str:
        """An answer with the verdict whether a task is atomic, and the rewritten goal if there is one."""
        update = f"\n<goal_updating>\n{goal}\n</goal_updating>" if goal else ""
        answer = f"<atomic_task_determination>\n{verdict}\n</atomic_task_determination>{update}"
        return f"{self._musing(task, extra)}<result>\n{answer}\n</result>"

    def plan(self, task: Task, raw_plan: Sequence[Task], extra: int) -> str:
        """An answer with a plan: the JSON of a task with its sub-tasks."""
        tree = {**task, "sub_tasks": list(raw_plan)}
        return f"{self._musing(task, extra)}<result>\n{json.dumps(tree, ensure_ascii=False, indent=2)}\n</result>"

    def retargeted(self, task: Task, goal: str, extra: int) -> str:
        """An answer with the rewritten goal of a search."""
        return f"{self._musing(task, extra)}<result>\n<goal_updating>\n{goal}\n</goal_updating>\n</result>"

    def article(self, title: str, task: Task, extra: int) -> str:
        """An answer with a finished text."""
        body = self.prose(extra)
        if not self.lean:
            body = f"## {title[:1].upper()}{title[1:]}\n\n{self._lead(title)}\n\n{self._figure()}\n\n{body}"
        return f"{self._musing(task, 0)}<result>\n{body.strip() or self._sentence()}\n</result>"

    def notes(self, task: Task, extra: int) -> str:
        """An answer with numbered findings: of a thinking task, or of merged search results."""
        lines = [f"{i}. {self._sentence()}" for i in range(1, 2 if self.lean else 5)]
        body = "\n".join(lines) + f"\n\n{self.prose(extra)}"
        return f"{self._musing(task, 0)}<result>\n{body.strip()}\n</result>"

    def bad_answer(self, task: Task) -> str:
        """A malformed answer, after which the agent repeats the call."""
        return f"Let me know if you want me to go ahead with this task. In short: {self._sentence()} ({task['goal']})"

    def prose(self, size: int) -> str:
        """About `size` bytes of paragraphs, beginning at a random one; empty if `size` is not positive."""
        if size <= 0:
            return ""
        start, half = self._pick(self._starts), len(self._corpus) // 2
        corpus = self._corpus if size <= half else self._corpus * (1 + size // half)
        text = corpus[start : start + size]
        return text[: text.rfind(". ") + 1]

    # -- searches ------------------------------------------------------------------------------------------------------

    def search(self, goal: str, turn: int) -> dict[str, object]:
        """The arguments of one search."""
        words = [word.strip(".,:;()?") for word in goal.split()]
        keys = [word for word in words if word and not STOP.fullmatch(word.lower())][:6] or [self.topic.title]
        queries = [" ".join([*keys[i : i + 4], self._pick(SITES)]) for i in range(1 if self.lean else 3)]
        return {
            "query_list": queries,
            "user_question": goal,
            "think": f"<turn={turn}>\n{self._pick(TURNS)}\n</turn>",
            "global_start_index": 1 + turn * 8,
        }

    def found(self, goal: str, turn: int) -> dict[str, object]:
        """The result of a search: pages with title, address and summary, and their summaries as one text."""
        pages = [self._page(goal, 1 + turn * 8 + i) for i in range(1 if self.lean else 3)]
        return {"web_pages": pages, "result": "\n\n".join(str(page["snippet"]) for page in pages)}

    def tool_fault(self) -> tuple[str, str]:
        """State and error message of a failed search."""
        return self._pick(TOOL_FAULTS)

    def model_fault(self) -> str:
        """Error message of a failed model call."""
        return self._pick(MODEL_FAULTS)

    def _page(self, goal: str, index: int) -> dict[str, object]:
        publication, host = self._pick(self.topic.sources)
        words = [word.strip(".,:;()?").lower() for word in goal.split()]
        keys = [word for word in words if word.isascii() and word.isalnum() and not STOP.fullmatch(word)]
        return {
            "index": index,
            "title": f"{publication}: {self._pick(self._pick(self.topic.sections)[1])}",
            "url": f"https://{host}/{self._number(2018, 2026)}/{'-'.join(keys[:4])}",
            "snippet": self._sentence(),
        }

    # -- sentences -----------------------------------------------------------------------------------------------------

    def _pick(self, choices: Sequence[T]) -> T:
        return choices[int(self._rng.random() * len(choices))]

    def _number(self, low: int, high: int) -> int:
        return low + int(self._rng.random() * (high - low))

    def _claim(self) -> str:
        first, story = self._number(0, len(self.topic.names)), self.topic.mode == "story"
        return self._pick(self.topic.claims).format(
            who=self.topic.names[first],
            name=self.topic.names[first - 1],
            n=self._number(14, 960),
            n1=self._number(2, 10),
            pct=self._number(6, 94),
            year=self._number(1901, 1911) if story else self._number(2016, 2026),
        )

    def _sentence(self) -> str:
        return self._pick(self._sentences)

    def _paragraph(self) -> str:
        sentences = [self._sentence() for _ in range(self._number(2, 5))]
        if self.topic.mode == "report":
            sentences[0] += f" [reference:{self._number(1, 30)}]"
            sentences.insert(self._number(1, len(sentences) + 1), self._pick(LINKS))
        return " ".join(sentences)

    def _musing(self, task: Task, extra: int) -> str:
        if self.lean and extra <= 0:
            return ""
        musing = f"{self._pick(MUSINGS).format(goal=task['goal'])}\n\n{self.prose(extra)}"
        return f"<think>\n{musing.strip()}\n</think>\n\n"

    def _lead(self, title: str) -> str:
        if self.topic.mode == "story":
            return self._pick(self._paragraphs)
        return f"{self._pick(OPENINGS).format(title=title)} {self._sentence()}"

    def _figure(self) -> str:
        if self.topic.mode == "story":
            return f"{self._sentence()}\n\n* * *"
        if self._rng.random() < 0.3:
            rows = [f"| {name} | {self._number(12, 90)} % | {self._number(20, 900)} |" for name in self.topic.names[:4]]
            return "\n".join(["| Who | Share | Cases |", "|---|---:|---:|", *rows])
        return "\n".join(f"- {self._sentence()}" for _ in range(3))
