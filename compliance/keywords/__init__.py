"""The word lists, one TOML file per language, loaded once and compiled.

Lists are data: each entry carries an id and the rules it rests on (`sources`), so that a decision can name what it
relied on: "es.keyword.baja", "en.phrase.take_me_off". A new file, named in
`LANGUAGES`, is a new language; nothing here imports Django.
Write words and patterns as people do: case, accents and look-alike letters are folded on both sides. In patterns an
apostrophe is nothing ("dont", "jarrete") and punctuation is a space.

`language = "xx"`, and `spaced = false` for languages written without spaces (Chinese, Japanese, also Korean).

`[groups]`     words named once, for patterns, triggers and other groups of the same file: "<name>".
`[[keyword]]`  words that are certain when they are the whole text. `id`, `intent` (opt_out, opt_in, help), `words`,
    `sources`; and, where true: `strong` (hardly ever ordinary talk: noticed also as a sentence of its own in a longer
    text, which is then held), `shared` (the word of many languages: the answer takes the conversation's), `network`
    (toll-free networks answer it themselves), `fillers = false` (no politeness), `typos` (one slip of the finger is
    recognised: a word of eight letters or more acts, a shorter one holds; list the ordinary words among the slips in
    the file's `ordinary`). `elsewhere` is what the word means in a conversation in another language: "unclear" or
    "other". Stretched letters ("stopppp") hold. Two languages may list one word: the conversation's language decides.
`[[nearly]]`   words that are held when they are the whole text: the same, with a `reason`, a sentence for a person.
`[[filler]]`   words that change nothing around a keyword: `place` (before, after, around), `intents`. Never "no".
`[[footer]]`   the instruction copied back ("STOP2END"): every `lead` + `first` + `link` + `second` opts out.
`[[spelling]]` other ways to write a word, put right before this language's phrases are matched: `to`, `from`
    (`to = ""` leaves the words out: expletives), `typos = true` for one keystroke off as well.
`[[phrase]]`   regular expressions over the folded words of the text, one space between them; matched on whole words,
    rows in order. `~` stands for up to three words, `^` and `$` for the edges of the text. `intent`: "unclear" holds,
    with a `reason`; "other" is ordinary talk, set aside while the rest is read on; "opt_out" acts, is looked for
    first, and must say `clause = true`: a clause of the text, with or without politeness, is nothing but this; a word
    of the file's `hedges` ("only", "unless") anywhere, or a question mark or quotation marks at the clause, make it
    unclear. `whole = true` takes the text as one clause. `before` and `after` stand before and after each pattern.
    `when`: looked for only where one of these words occurs, and `also`: and one of these; `when_prefix`: or a word
    that starts with one of these. A short text in which no row finds anything is read once more sentence by sentence.
    Without spaces (`spaced = false`) patterns are matched anywhere in the text with its spaces and punctuation
    removed, `~` stands for up to six characters, `when` and `also` do not apply, and a clause is the whole text. Keep
    patterns linear: no repetition inside a repetition.
    `examples`: texts that this row must answer for; a test tries them.

Businesses lay their own words over the lists with `extend` (own.py).
"""

from compliance.keywords.lexicon import Entry, Filler, Lexicon, Phrase
from compliance.keywords.loading import LANGUAGES, load
from compliance.keywords.own import PROTECTED, OwnKeyword, extend

# Part of what a decision is recorded with; raise it whenever a list or the way it is read changes.
VERSION = "9"

__all__ = ["LANGUAGES", "PROTECTED", "VERSION", "Entry", "Filler", "Lexicon", "OwnKeyword", "Phrase", "extend", "load"]
