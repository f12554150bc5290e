"""Admin pages of texts: conversations, texts both ways, campaigns, failed deliveries."""

from messaging.admin.campaigns import CampaignAdmin
from messaging.admin.connections import ConnectionAdmin
from messaging.admin.consents import ConsentAdmin
from messaging.admin.conversations import ConversationAdmin
from messaging.admin.deliveries import DeliveryAdmin
from messaging.admin.keywords import KeywordAdmin
from messaging.admin.lists import DifferenceAdmin, ReconciliationAdmin
from messaging.admin.outside import OutsideTextAdmin
from messaging.admin.texts import InboundAdmin, OutboundAdmin
from messaging.admin.troubles import TroubleAdmin

__all__ = [
    "CampaignAdmin",
    "ConnectionAdmin",
    "ConsentAdmin",
    "ConversationAdmin",
    "DeliveryAdmin",
    "DifferenceAdmin",
    "InboundAdmin",
    "KeywordAdmin",
    "OutboundAdmin",
    "OutsideTextAdmin",
    "ReconciliationAdmin",
    "TroubleAdmin",
]
