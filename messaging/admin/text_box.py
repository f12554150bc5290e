"""The box below a thread: what a person types there, how long it is, and what the gate says to it."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold import widgets

from accounts.admin_base import PageAdmin, person_of, require
from compliance.segments import measure
from messaging.models import Conversation, OutboundMessage
from messaging.sending import KeyReused
from messaging.typed import LONGEST, look_ahead, send_typed

SEND = "messaging.send_outboundmessage"
SENT_ALREADY = (
    "That form was sent before, and its text is in the thread. Send again if these words are to go out as well."
)


def as_typed(text: str) -> str:
    """A browser sends each line break as two characters, and a text on the air is paid for by the character."""
    return text.replace("\r\n", "\n")


class TypedField(forms.CharField):
    """What was typed, measured as it was typed."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(as_typed(value or "")))


class TypedForm(forms.Form):
    """One text of a person, with the key that makes it one text however often the form is sent."""

    body = TypedField(
        label="Your text",
        max_length=LONGEST,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": "Write a text"}),
        error_messages={"required": "Write a text first."},
    )
    key = forms.UUIDField(widget=forms.HiddenInput, error_messages={"invalid": "Open the conversation anew."})
    after_warning = forms.BooleanField(
        label="I have read it. Send my text nevertheless.",
        required=False,
        widget=forms.CheckboxInput(attrs={"class": "oo-tick"}),
    )

    def __init__(self, warning: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.warning = warning
        if not warning:
            del self.fields["after_warning"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.warning and not cleaned.get("after_warning"):
            self.add_error("after_warning", "Nothing was sent. Tick this to send your text in spite of the warning.")
        return cleaned


class TypingPages(PageAdmin):
    """The doors of the box."""

    def get_urls(self) -> list[Any]:
        own = [
            self.door("count/", require_POST(self.count_view), "count"),
            self.door("<int:object_id>/send/", require_POST(self.send_view), "send"),
        ]
        return [*own, *super().get_urls()]

    def count_view(self, request: HttpRequest) -> HttpResponse:
        """How long the text in the box is on the air."""
        require(request, SEND)
        body = as_typed(request.POST.get("body", ""))
        context = {"measured": measure(body), "longest": LONGEST}
        return TemplateResponse(request, "admin/messaging/conversation/count.html", context)

    def send_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        row: Conversation = self.find(request, str(object_id))
        require(request, SEND)
        outlook = look_ahead(row, timezone.now())
        form = TypedForm(outlook.warning, request.POST)
        if row.sender_number is None or not form.is_valid():
            return self._again(request, row, form)
        said = form.cleaned_data
        try:
            sent = send_typed(
                row,
                person_of(request),
                said["body"],
                key=said["key"],
                after_warning=said.get("after_warning", False),
                now=timezone.now(),
            )
        except KeyReused:
            form.add_error("body", SENT_ALREADY)
            return self._again(request, row, form)
        if sent.status == OutboundMessage.Status.BLOCKED:
            form.add_error("body", f"Not sent. {sent.decision.get('sentence', '')}")
            return self._again(request, row, form)
        messages.success(request, "Sent off. The thread shows what becomes of it.")
        return self.go_to("change", row.pk)

    def _again(self, request: HttpRequest, row: Conversation, form: TypedForm) -> HttpResponse:
        """The page with what was typed still in the box, and a fresh key."""
        outlook = look_ahead(row, timezone.now())
        fresh = TypedForm(outlook.warning, initial={"body": form.data.get("body", ""), "key": uuid.uuid4()})
        problems = {name: " ".join(map(str, errors)) for name, errors in form.errors.items()}
        box = {"outlook": outlook, "form": fresh, "problems": problems}
        return self.show(request, self.page_template, {"original": row, **self.page_context(request, row), **box})

    def box_context(self, request: HttpRequest, row: Conversation) -> dict[str, Any]:
        """What the box below a thread needs; nothing for those who may not send."""
        if not person_of(request).has_perm(SEND):
            return {}
        outlook = look_ahead(row, timezone.now())
        return {"outlook": outlook, "form": TypedForm(outlook.warning, initial={"key": uuid.uuid4()})}
