"""Accounts on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from accounts.models import ApiToken, AuditEvent, Membership, Project, Role, Scope


class ProjectSerializer(serializers.ModelSerializer[Project]):
    """A project that the caller is a member of."""

    class Meta:
        model = Project
        fields: ClassVar[list[str]] = ["id", "name", "slug", "description", "created_at"]
        read_only_fields = fields


class MembershipSerializer(serializers.ModelSerializer[Membership]):
    """A member of the caller's project."""

    username = serializers.CharField(source="user.username")

    class Meta:
        model = Membership
        fields: ClassVar[list[str]] = ["id", "username", "role", "created_at"]
        read_only_fields = fields


class MembershipRequestSerializer(serializers.Serializer[Any]):
    """A user's new role; ``null`` takes the membership away."""

    username = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices, allow_null=True)


class ApiTokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token, without its secret."""

    username = serializers.CharField(source="user.username", read_only=True)

    class Meta:
        model = ApiToken
        fields: ClassVar[list[str]] = [
            "id",
            "name",
            "prefix",
            "username",
            "scopes",
            "created_at",
            "expires_at",
            "revoked_at",
        ]
        read_only_fields = fields


class ApiTokenRequestSerializer(serializers.Serializer[Any]):
    """A token to be made for the caller."""

    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class NewApiTokenSerializer(ApiTokenSerializer):
    """A token that was just made, with the secret that is shown this once."""

    token = serializers.CharField(read_only=True)

    class Meta(ApiTokenSerializer.Meta):
        fields: ClassVar[list[str]] = [*ApiTokenSerializer.Meta.fields, "token"]
        read_only_fields = fields


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    """One entry of the audit trail."""

    class Meta:
        model = AuditEvent
        fields: ClassVar[list[str]] = [
            "id",
            "at",
            "actor_name",
            "token_prefix",
            "action",
            "target_type",
            "target_id",
            "summary",
            "changes",
        ]
        read_only_fields = fields
