"""Consents: who agreed to be texted, how, to what, and whether a second yes is awaited.

`recording.record_consent` takes what reached us by any way but the person's own opt-in word; that word is
`opt_outs.record_opt_in`; `questions` asks for a YES and takes it. All write through `writing`, and only it.
"""
