"""Refusals of the datasets room: what may be wrong with a file, a dataset or the lake."""

from __future__ import annotations

from core.errors import (
    Conflict,
    Forbidden,
    IllegalMove,
    Invalid,
    NotFound,
    TooLarge,
    TooMany,
    Unavailable,
    Unsupported,
)


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


class SchemaMismatch(Invalid):
    """Rows to append do not have the columns or types of the dataset."""

    code = "schema_mismatch"
    title = "The rows do not fit the schema of the dataset"


class SchemaViolated(Invalid):
    """Rows hold values that the dataset's schema does not allow."""

    code = "schema_violated"
    title = "Values break the schema of the dataset"


class SchemaRefused(Invalid):
    """What was said about the columns makes no schema."""

    code = "schema_refused"
    title = "This cannot be the schema of a dataset"


class SchemaChanged(Conflict):
    """The schema was edited by somebody else in the meantime."""

    code = "schema_changed"
    title = "The schema has changed since it was read"


class SchemaMissing(NotFound):
    """The dataset has no edited schema, or none of that revision."""

    code = "schema_missing"
    title = "There is no such schema"


class CheckRefused(Invalid):
    """A check that cannot be carried out as it is asked for."""

    code = "check_refused"
    title = "This cannot be a check of the dataset"


class ChecksFailed(Invalid):
    """A check whose failure blocks a version has failed."""

    code = "checks_failed"
    title = "The rows do not pass the checks of the dataset"


class NothingToWaive(Conflict):
    """The version was not held back by checks."""

    code = "nothing_to_waive"
    title = "No check holds this version back"


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


class SourceKindUnknown(Invalid):
    """No reader is registered for this kind of source."""

    code = "source_kind_unknown"
    title = "This kind of source does not exist"


class SourceNotAllowed(Invalid):
    """The site's settings do not allow this place, or a setting is none that can work."""

    code = "source_not_allowed"
    title = "The source may not be read"


class SourceMissing(Invalid):
    """Nothing is where the source points to."""

    code = "source_missing"
    title = "There is nothing at the source"


class SourceUnreachable(Unavailable):
    """The other side does not answer, or refuses the account."""

    code = "source_unreachable"
    title = "The source cannot be reached"


class QueryRefused(Invalid):
    """The warehouse does not carry out the query."""

    code = "query_refused"
    title = "The query cannot be carried out"


class SourceRunUnderWay(Conflict):
    """The source is being read already."""

    code = "source_run_under_way"
    title = "The source is being read just now"


class SourceOvertaken(Conflict):
    """Another run of the source was first, or the source was changed meanwhile."""

    code = "source_overtaken"
    title = "Another run of the source came first"


class WatermarkLost(Conflict):
    """The version that holds the rows up to the watermark is no longer there to append to."""

    code = "watermark_lost"
    title = "The rows up to the watermark are not in the newest version"


class IllegalRunMove(IllegalMove):
    """The outcome of a source's run does not change like this."""

    code = "illegal_source_run_move"
    title = "The run of the source cannot make this move"


class NameTaken(Conflict):
    """Another dataset of the project has that name."""

    code = "dataset_name_taken"
    title = "There is a dataset with this name already"


class IllegalVersionMove(IllegalMove):
    """The status of a version does not allow what was asked for."""

    code = "illegal_dataset_version_move"
    title = "The dataset version cannot do this in its present state"


class AppendOvertaken(Conflict):
    """While rows were being appended to a version, another one took its place."""

    code = "append_overtaken"
    title = "Another version came first"


class DatasetInUse(Conflict):
    """Something still points at the dataset or one of its versions."""

    code = "dataset_in_use"
    title = "The dataset is in use"


class VersionNotReady(Conflict):
    """The rows of a version are asked for before (or without) being there."""

    code = "dataset_version_not_ready"
    title = "The dataset version is not ready"


class ColumnNotFound(NotFound):
    """A column is asked for that the version does not have."""

    code = "column_not_found"
    title = "The dataset version has no such column"


class BadRowQuery(Invalid):
    """A filter, an order or a choice of columns names what a version does not have."""

    code = "bad_row_query"
    title = "The rows cannot be looked up like this"


class RowQueryTooSlow(Unavailable):
    """Filtering or sorting took longer than a page may take."""

    code = "row_query_too_slow"
    title = "The rows were not found in time"


class SqlRefused(Invalid):
    """A statement does more than read, or names what cannot be named."""

    code = "sql_refused"
    title = "This SQL is not allowed here"


class SqlFailed(Invalid):
    """A statement cannot be understood, or fails on the way."""

    code = "sql_error"
    title = "The SQL statement failed"


class SqlTimedOut(Invalid):
    """A statement ran into its time limit."""

    code = "sql_timed_out"
    title = "The SQL statement took too long"


class SqlOutOfMemory(Invalid):
    """A statement needed more memory than it may have."""

    code = "sql_out_of_memory"
    title = "The SQL statement needs too much memory"


class SqlBusy(Unavailable):
    """As many statements run as can."""

    code = "sql_busy"
    title = "Other statements are running"


class SqlOneAtATime(TooMany):
    """Somebody sends a statement while an earlier one of theirs runs."""

    code = "sql_one_at_a_time"
    title = "An earlier statement of yours is still running"


class DownloadsBusy(Unavailable):
    """As many downloads run as can."""

    code = "downloads_busy"
    title = "Other downloads are running"


class NotComparable(Invalid):
    """Two versions, or the key that was chosen, do not go together."""

    code = "not_comparable"
    title = "The versions cannot be compared like this"


class IllegalComparisonMove(IllegalMove):
    """The status of a comparison does not allow what was asked for."""

    code = "illegal_comparison_move"
    title = "The comparison cannot do this in its present state"


class LakeBusy(Unavailable):
    """Other writers kept winning the race for the next version of a table."""

    code = "lake_busy"
    title = "The table is being written by others just now"


class LakeUnreachable(Unavailable):
    """The object storage that holds the tables does not answer."""

    code = "lake_unreachable"
    title = "The storage of the rows cannot be reached"


class LakeCorrupt(Unavailable):
    """What is on disk is not what the row in the database pins."""

    code = "lake_corrupt"
    title = "The stored rows cannot be read"


class IllegalErasureMove(IllegalMove):
    """The status of an erasure does not allow what was asked for."""

    code = "illegal_erasure_move"
    title = "The erasure cannot do this in its present state"


class ErasureUnderWay(Conflict):
    """The subject's erasure was asked for already."""

    code = "erasure_under_way"
    title = "An erasure of this subject is under way"


class SubjectDiffers(Invalid):
    """The second person named somebody else than the first one."""

    code = "subject_differs"
    title = "This is not the subject of the request"


class NoSubjectKey(Invalid):
    """No dataset has a column that could hold the subject's key."""

    code = "no_subject_key"
    title = "No column holds the subject's key"


class OtherPersonNeeded(Forbidden):
    """Who asked for an erasure cannot confirm it."""

    code = "other_person_needed"
    title = "A second person must confirm an erasure"


class ErasureMustWait(Unavailable):
    """Rows are on their way to a place from which they are about to be erased."""

    code = "erasure_must_wait"
    title = "Rows are being written just now"


class SubjectRemains(Unavailable):
    """After the erasure rows of the subject are still found."""

    code = "subject_remains"
    title = "Rows of the subject were found after the erasure"


class RowsMoved(Conflict):
    """Rows of a dataset were erased while others were being written to it."""

    code = "rows_moved"
    title = "Rows of the dataset were erased meanwhile"


class DatasetNotShared(NotFound):
    """The dataset is another project's, and not shared with the caller's (any more)."""

    code = "dataset_not_shared"
    title = "There is no such dataset, or it is no longer shared"


class GrantNotEnough(Forbidden):
    """The dataset of another project is shared, but not for what was asked."""

    code = "grant_not_enough"
    title = "The dataset is not shared for this"


class GrantRefused(Conflict):
    """A dataset cannot be shared with that project, or not any more."""

    code = "grant_refused"
    title = "The dataset cannot be shared like this"


class GrantEnded(Conflict):
    """The grant was revoked before."""

    code = "grant_ended"
    title = "The grant has ended already"


class RecipeRefused(Invalid):
    """The steps of a recipe are not valid, or do not fit the columns that they meet."""

    code = "recipe_refused"
    title = "The recipe cannot be used"


class RecipeNameTaken(Conflict):
    """Another recipe of the project has that name."""

    code = "recipe_name_taken"
    title = "There is a recipe with this name already"


class RecipeInUse(Conflict):
    """A training run or a model was made with one of the recipe's revisions."""

    code = "recipe_in_use"
    title = "The recipe is in use"


class RecipeOvertaken(Conflict):
    """Somebody else saved another revision meanwhile."""

    code = "recipe_overtaken"
    title = "The recipe was changed meanwhile"


class NoRetentionPolicy(NotFound):
    """A dataset without a retention policy is asked for it, or to follow it."""

    code = "no_retention_policy"
    title = "The dataset has no retention policy"
