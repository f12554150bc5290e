"""Admin pages of texts: conversations, texts both ways, campaigns, failed deliveries."""

from messaging.admin.campaigns import CampaignAdmin
from messaging.admin.conversations import ConversationAdmin
from messaging.admin.deliveries import DeliveryAdmin
from messaging.admin.texts import InboundAdmin, OutboundAdmin

__all__ = ["CampaignAdmin", "ConversationAdmin", "DeliveryAdmin", "InboundAdmin", "OutboundAdmin"]
