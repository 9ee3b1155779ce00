"""Enrolments that wait for the authority: keys that nobody vouches for yet."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "enrolments",
        sa.Column("site", sa.LargeBinary(), nullable=False),
        sa.Column("kid", sa.LargeBinary(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "kid"),
    )


def downgrade() -> None:
    op.drop_table("enrolments")
