"""Refusals of a file: what may be wrong with its bytes, its header, its rows."""

from __future__ import annotations

from core.errors import Invalid, TooLarge, Unsupported


class EmptyFile(Invalid):
    """The file has no bytes, or nothing but white space."""

    code = "empty_file"
    title = "The file is empty"


class NoRows(Invalid):
    """There is a header, and nothing below it."""

    code = "no_rows"
    title = "The file has a header but no rows"


class UnknownEncoding(Invalid):
    """The bytes are not text in any encoding that is recognised."""

    code = "unknown_encoding"
    title = "The text encoding of the file is not known"


class UnreadableFile(Invalid):
    """The file is damaged, cut off, or not what its first bytes promise."""

    code = "unreadable_file"
    title = "The file cannot be read"


class FormatMismatch(Invalid):
    """The name of the file says one format, its content another."""

    code = "format_mismatch"
    title = "The content of the file does not fit its name"


class UnsupportedFormat(Unsupported):
    """A known format, but none that can be ingested."""

    code = "unsupported_format"
    title = "This file format is not supported"


class BadHeader(Invalid):
    """Column names are missing, equal to each other, or not usable."""

    code = "bad_header"
    title = "The column names are not usable"


class TooManyColumns(Invalid):
    """More columns than a dataset may have."""

    code = "too_many_columns"
    title = "The file has too many columns"


class RaggedRows(Invalid):
    """Some rows have more or fewer cells than the header."""

    code = "ragged_rows"
    title = "Some rows do not fit the header"


class TooManyBadRows(Invalid):
    """More rows cannot be read than the upload allows to put aside."""

    code = "too_many_bad_rows"
    title = "Too many rows of the file cannot be read"


class UnreadableRows(Invalid):
    """Some rows of a file are not what its format demands."""

    code = "unreadable_rows"
    title = "Some rows of the file cannot be read"


class SheetNotFound(Invalid):
    """A sheet is asked for that the workbook does not have."""

    code = "sheet_not_found"
    title = "The workbook has no such sheet"


class RowTooLarge(Invalid):
    """One row alone passes the limit of a row."""

    code = "row_too_large"
    title = "A row of the file is too large"


class UnclosedQuote(Invalid):
    """A quoted cell never ends."""

    code = "unclosed_quote"
    title = "A quoted cell is never closed"


class NotFinite(Invalid):
    """A numeric column holds infinities or numbers beyond the range of a double."""

    code = "not_finite"
    title = "A numeric column holds values that are not finite"


class UnsupportedColumnType(Invalid):
    """A column of a Parquet file or Arrow table has a type that has no place in a dataset."""

    code = "unsupported_column_type"
    title = "A column has a type that is not supported"


class ValueOutOfRange(Invalid):
    """A value does not fit the range of its column's type."""

    code = "value_out_of_range"
    title = "A value is out of range"


class UploadTooLarge(TooLarge):
    """The file itself passes the limit of an upload."""

    code = "upload_too_large"
    title = "The file is too large"


class ExpandsTooMuch(TooLarge):
    """The file is small, but what is packed into it is not."""

    code = "expands_too_much"
    title = "The file expands to more than is allowed"


class UploadMissing(Invalid):
    """The uploaded file is gone from the upload folder."""

    code = "upload_missing"
    title = "The uploaded file is no longer there"
