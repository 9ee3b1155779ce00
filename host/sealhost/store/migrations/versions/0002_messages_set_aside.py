"""Messages set aside: refused here, but well signed, and perhaps obeyed by a box that heard them without this host."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "set_aside",
        sa.Column("site", sa.LargeBinary(), nullable=False),
        sa.Column("reference", sa.LargeBinary(), nullable=False),
        sa.Column("kid", sa.LargeBinary(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "reference"),
    )
    op.create_index("ix_set_aside_kid", "set_aside", ["site", "kid"])


def downgrade() -> None:
    op.drop_index("ix_set_aside_kid", "set_aside")
    op.drop_table("set_aside")
