//! SHOW and DESCRIBE: most are queries over the made-up tables, with MySQL's headings.
//!
//! It knows what each SHOW shows, and no row of it. A query is planned and run as a client's would be; what is
//! no table (warnings, grants, definitions) is answered with its rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringViewArray, UInt32Array, UInt64Array};
use arrow::datatypes::{Field, Schema};
use sqlparser::ast;

use super::create_table;
use super::definitions::ColumnDefinition;
use super::objects::{self, Object};
use super::{MetadataContext, absent};
use crate::engine::answer::Column;
use crate::engine::dialect;
use crate::engine::dialect::statement::{Filter, Query, Show, TableName};
use crate::engine::error::{Error, Result};
use crate::engine::nearest::Hint;
use crate::engine::types::{CHARACTER_SET, COLLATION};
use crate::views::View;

/// What answers a SHOW.
#[derive(Debug)]
pub enum ShowAnswer {
    /// A query over the made-up tables, with its headings.
    Query(Box<Query>),
    /// The rows themselves.
    Rows {
        /// In the order of the batch's arrays.
        columns: Vec<Column>,
        /// All rows.
        batch: RecordBatch,
    },
}

/// Answers a SHOW, or tells why what it names is not there. Tables that it names are asked for their columns.
pub async fn answer(show: &Show, context: &MetadataContext) -> Result<ShowAnswer> {
    match show {
        Show::Databases(filter) => Listing::new("information_schema.schemata")
            .named("Database", "schema_name", filter)
            .answer(filter),
        Show::Tables { full, database, filter } => {
            let database = find_database(context, database.as_deref())?;
            let heading = format!("Tables_in_{database}");
            let listing = Listing::new("information_schema.tables").only("table_schema", &database).named(
                &heading,
                "table_name",
                filter,
            );
            let listing = if *full { listing.column("Table_type", "table_type") } else { listing };
            listing.answer(filter)
        }
        Show::Columns { full, table, filter } => {
            let object = find_readable(context, table).await?;
            columns(&object, *full).answer(filter)
        }
        Show::Index { table, filter } => {
            let object = find_readable(context, table).await?;
            Listing::new("information_schema.statistics")
                .only("table_schema", object.database())
                .only("table_name", object.name())
                .columns(INDEX)
                .answer(filter)
        }
        Show::TableStatus { database, filter } => {
            let database = find_database(context, database.as_deref())?;
            Listing::new("information_schema.tables")
                .only("table_schema", &database)
                .columns(TABLE_STATUS)
                .answer(filter)
        }
        Show::CreateTable(table) => {
            let object = find_table(context, table)?;
            if let Object::View(view, _) = &object {
                return create_view(view);
            }
            let columns = object.columns().await?;
            let text = create_table::text(&object, &columns);
            Ok(texts(["Table", "Create Table"], &[[object.name().into(), text]]))
        }
        Show::CreateView { view, materialized } => {
            let object = find_table(context, view)?;
            match &object {
                Object::View(view, _) if !*materialized || view.is_materialized() != Some(false) => {
                    create_view(view)
                }
                _ => {
                    let (database, table) = (object.database().to_owned(), object.name().to_owned());
                    let kind = if *materialized { "MATERIALIZED VIEW" } else { "VIEW" };
                    Err(Error::WrongObject { database, table, kind })
                }
            }
        }
        Show::MaterializedViews { database, filter } => {
            let listing = Listing::new("information_schema.materialized_views")
                .columns(MATERIALIZED_VIEWS)
                .like("name");
            let database = database.as_deref().or(context.database.as_deref());
            match database {
                Some(database) => {
                    listing.only("table_schema", &find_database(context, Some(database))?).answer(filter)
                }
                None => listing.answer(filter),
            }
        }
        Show::Partitions { table, filter } => {
            let object = find_table(context, table)?;
            match &object {
                Object::View(view, _) if view.is_materialized() != Some(false) => {
                    Listing::new("information_schema.materialized_view_partitions")
                        .only("table_schema", object.database())
                        .only("table_name", object.name())
                        .columns(PARTITIONS)
                        .answer(filter)
                }
                _ => {
                    let (database, table) = (object.database().to_owned(), object.name().to_owned());
                    Err(Error::WrongObject { database, table, kind: "MATERIALIZED VIEW" })
                }
            }
        }
        Show::CreateDatabase(database) => {
            let database = find_database(context, Some(database))?;
            let quoted = create_table::quoted(&database);
            let text = format!(
                "CREATE DATABASE {quoted} /*!40100 DEFAULT CHARACTER SET {CHARACTER_SET} COLLATE {COLLATION} */ \
                 /*!80016 DEFAULT ENCRYPTION='N' */"
            );
            Ok(texts(["Database", "Create Database"], &[[database, text]]))
        }
        Show::Variables { global, filter } => {
            let scope = if *global { "global" } else { "session" };
            Listing::new(&format!("performance_schema.{scope}_variables"))
                .columns(NAMED_VALUES)
                .answer(filter)
        }
        Show::Status { global, filter } => {
            let scope = if *global { "global" } else { "session" };
            Listing::new(&format!("performance_schema.{scope}_status")).columns(NAMED_VALUES).answer(filter)
        }
        Show::Collation(filter) => {
            Listing::new("information_schema.collations").columns(COLLATIONS).answer(filter)
        }
        Show::CharacterSet(filter) => {
            Listing::new("information_schema.character_sets").columns(CHARACTER_SETS).answer(filter)
        }
        Show::Engines => Listing::new("information_schema.engines").columns(ENGINES).answer(&Filter::All),
        Show::Plugins => Listing::new("information_schema.plugins").columns(PLUGINS).answer(&Filter::All),
        Show::Privileges => {
            Ok(texts(["Privilege", "Context", "Comment"], &PRIVILEGES.map(|row| row.map(String::from))))
        }
        Show::ProcessList { full } => {
            let info = if *full { "info" } else { "LEFT(info, 100)" };
            Listing::new("information_schema.processlist")
                .columns(PROCESS_LIST)
                .column("Info", info)
                .answer(&Filter::All)
        }
        Show::Grants(user) => match user {
            Some(user) if *user != context.user => {
                Err(Error::NotSupported("SHOW GRANTS for another user".into()))
            }
            _ => Ok(grants(context)),
        },
        Show::Warnings { errors, count, limit, offset } => {
            Ok(warnings(context, *errors, *count, *limit, *offset))
        }
        Show::RoutineStatus(filter) => {
            Listing::new("information_schema.routines").columns(ROUTINE_STATUS).like("Name").answer(filter)
        }
        Show::Triggers(filter) => {
            Listing::new("information_schema.triggers").columns(TRIGGERS).like("Table").answer(filter)
        }
        Show::Events(filter) => {
            Listing::new("information_schema.events").columns(EVENTS).like("Name").answer(filter)
        }
        Show::Absent(absent) => {
            let columns = absent::columns(*absent).split(", ").map(ColumnDefinition::parse);
            let columns: Vec<Column> =
                columns.map(|column| Column::new(column.name, column.data_type, column.nullable)).collect();
            let field =
                |column: &Column| Field::new(&*column.name, column.data_type.clone(), column.nullable);
            let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
            Ok(ShowAnswer::Rows { columns, batch: RecordBatch::new_empty(schema) })
        }
        // Tables are opened by statements and not kept open between them.
        Show::OpenTables(filter) => Listing::new("information_schema.tables")
            .only("table_type", "")
            .columns(OPEN_TABLES)
            .answer(filter),
    }
}

/// A SHOW as a query: columns with their headings over one made-up table.
struct Listing {
    from: String,
    conditions: Vec<String>,
    /// Heading and expression.
    columns: Vec<(String, String)>,
    /// The heading that LIKE means.
    like: String,
    /// The column that the rows are ordered by.
    order: String,
}

impl Listing {
    fn new(from: &str) -> Self {
        Self {
            from: from.into(),
            conditions: Vec::new(),
            columns: Vec::new(),
            like: String::new(),
            order: String::new(),
        }
    }

    /// Only rows whose column has a value.
    fn only(mut self, column: &str, value: &str) -> Self {
        self.conditions.push(format!("{column} = {}", literal(value)));
        self
    }

    fn column(mut self, heading: &str, expression: &str) -> Self {
        if self.columns.is_empty() {
            self.like = heading.into();
            self.order = expression.into();
        }
        self.columns.push((heading.into(), expression.into()));
        self
    }

    fn columns(self, columns: &[(&str, &str)]) -> Self {
        columns.iter().fold(self, |listing, (heading, expression)| listing.column(heading, expression))
    }

    /// A column whose heading tells the pattern too.
    fn named(self, heading: &str, expression: &str, filter: &Filter) -> Self {
        match filter {
            Filter::Like(pattern) => self.column(&format!("{heading} ({pattern})"), expression),
            Filter::All | Filter::Where(_) => self.column(heading, expression),
        }
    }

    /// LIKE means this heading, not the first.
    fn like(mut self, heading: &str) -> Self {
        self.like = heading.into();
        self
    }

    fn ordered_by(mut self, column: &str) -> Self {
        self.order = column.into();
        self
    }

    /// The query. Headings are columns of a derived table, so that WHERE means them; names compare in any case.
    fn answer(self, filter: &Filter) -> Result<ShowAnswer> {
        let quoted = |heading: &str| create_table::quoted(heading);
        let headings = self.columns.iter().map(|(heading, _)| quoted(heading)).collect::<Vec<_>>().join(", ");
        let columns = self.columns.iter().map(|(heading, column)| format!("{column} AS {}", quoted(heading)));
        let columns = columns.collect::<Vec<_>>().join(", ");
        let mut inner = format!("SELECT {columns}, {} AS `show order` FROM {}", self.order, self.from);
        if !self.conditions.is_empty() {
            inner = format!("{inner} WHERE {}", self.conditions.join(" AND "));
        }
        let like = match filter {
            Filter::Like(pattern) => {
                format!(" WHERE LOWER({}) LIKE {}", quoted(&self.like), literal(&pattern.to_lowercase()))
            }
            Filter::All | Filter::Where(_) => String::new(),
        };
        // A limit of its own, since the variable sql_select_limit is not for SHOW.
        let text = format!(
            "SELECT {headings} FROM ({inner}) AS `show`{like} ORDER BY `show order` LIMIT {}",
            i64::MAX
        );
        let mut query = dialect::parse_query(&text)?;
        if let Filter::Where(condition) = filter {
            let ast::SetExpr::Select(select) = query.ast.body.as_mut() else {
                return Err(Error::Internal("a SHOW is not one SELECT".into()));
            };
            select.selection = Some(condition.as_ref().clone());
        }
        Ok(ShowAnswer::Query(Box::new(query)))
    }
}

/// SHOW CREATE VIEW, and SHOW CREATE TABLE of a view.
fn create_view(view: &View) -> Result<ShowAnswer> {
    let definition = objects::definition(view)?;
    let headings = ["View", "Create View", "character_set_client", "collation_connection"];
    let text = dialect::definition::create(definition);
    Ok(texts(headings, &[[view.name().to_owned(), text, CHARACTER_SET.into(), COLLATION.into()]]))
}

/// A text as a literal of MySQL's language.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

const NAMED_VALUES: &[(&str, &str)] = &[("Variable_name", "variable_name"), ("Value", "variable_value")];

const COLLATIONS: &[(&str, &str)] = &[
    ("Collation", "collation_name"),
    ("Charset", "character_set_name"),
    ("Id", "id"),
    ("Default", "is_default"),
    ("Compiled", "is_compiled"),
    ("Sortlen", "sortlen"),
    ("Pad_attribute", "pad_attribute"),
];

const CHARACTER_SETS: &[(&str, &str)] = &[
    ("Charset", "character_set_name"),
    ("Description", "description"),
    ("Default collation", "default_collate_name"),
    ("Maxlen", "maxlen"),
];

const ENGINES: &[(&str, &str)] = &[
    ("Engine", "engine"),
    ("Support", "support"),
    ("Comment", "comment"),
    ("Transactions", "transactions"),
    ("XA", "xa"),
    ("Savepoints", "savepoints"),
];

const PLUGINS: &[(&str, &str)] = &[
    ("Name", "plugin_name"),
    ("Status", "plugin_status"),
    ("Type", "plugin_type"),
    ("Library", "plugin_library"),
    ("License", "plugin_license"),
];

const PROCESS_LIST: &[(&str, &str)] = &[
    ("Id", "id"),
    ("User", "user"),
    ("Host", "host"),
    ("db", "db"),
    ("Command", "command"),
    ("Time", "time"),
    ("State", "state"),
];

const INDEX: &[(&str, &str)] = &[
    ("Table", "table_name"),
    ("Non_unique", "non_unique"),
    ("Key_name", "index_name"),
    ("Seq_in_index", "seq_in_index"),
    ("Column_name", "column_name"),
    ("Collation", "collation"),
    ("Cardinality", "cardinality"),
    ("Sub_part", "sub_part"),
    ("Packed", "packed"),
    ("Null", "nullable"),
    ("Index_type", "index_type"),
    ("Comment", "comment"),
    ("Index_comment", "index_comment"),
    ("Visible", "is_visible"),
    ("Expression", "expression"),
];

const TABLE_STATUS: &[(&str, &str)] = &[
    ("Name", "table_name"),
    ("Engine", "engine"),
    ("Version", "version"),
    ("Row_format", "row_format"),
    ("Rows", "table_rows"),
    ("Avg_row_length", "avg_row_length"),
    ("Data_length", "data_length"),
    ("Max_data_length", "max_data_length"),
    ("Index_length", "index_length"),
    ("Data_free", "data_free"),
    ("Auto_increment", "auto_increment"),
    ("Create_time", "create_time"),
    ("Update_time", "update_time"),
    ("Check_time", "check_time"),
    ("Collation", "table_collation"),
    ("Checksum", "checksum"),
    ("Create_options", "create_options"),
    ("Comment", "table_comment"),
];

const ROUTINE_STATUS: &[(&str, &str)] = &[
    ("Db", "routine_schema"),
    ("Name", "routine_name"),
    ("Type", "routine_type"),
    ("Definer", "definer"),
    ("Modified", "last_altered"),
    ("Created", "created"),
    ("Security_type", "security_type"),
    ("Comment", "routine_comment"),
    ("character_set_client", "character_set_client"),
    ("collation_connection", "collation_connection"),
    ("Database Collation", "database_collation"),
];

/// As StarRocks has them, as far as there is something to tell.
const MATERIALIZED_VIEWS: &[(&str, &str)] = &[
    ("database_name", "table_schema"),
    ("name", "table_name"),
    ("refresh_type", "refresh_type"),
    ("is_active", "is_active"),
    ("inactive_reason", "inactive_reason"),
    ("partition_type", "partition_type"),
    ("last_refresh_start_time", "last_refresh_start_time"),
    ("last_refresh_finished_time", "last_refresh_finished_time"),
    ("last_refresh_duration", "last_refresh_duration"),
    ("last_refresh_state", "last_refresh_state"),
    ("last_refresh_error_message", "last_refresh_error_message"),
    ("rows", "table_rows"),
    ("text", "materialized_view_definition"),
];

const PARTITIONS: &[(&str, &str)] = &[
    ("PartitionName", "partition_name"),
    ("State", "state"),
    ("Reason", "reason"),
    ("Rows", "row_count"),
    ("DataSize", "bytes"),
    ("VisibleVersion", "version"),
    ("VisibleVersionTime", "published_at"),
    ("Error", "error"),
];

const TRIGGERS: &[(&str, &str)] = &[
    ("Trigger", "trigger_name"),
    ("Event", "event_manipulation"),
    ("Table", "event_object_table"),
    ("Statement", "action_statement"),
    ("Timing", "action_timing"),
    ("Created", "created"),
    ("sql_mode", "sql_mode"),
    ("Definer", "definer"),
    ("character_set_client", "character_set_client"),
    ("collation_connection", "collation_connection"),
    ("Database Collation", "database_collation"),
];

const EVENTS: &[(&str, &str)] = &[
    ("Db", "event_schema"),
    ("Name", "event_name"),
    ("Definer", "definer"),
    ("Time zone", "time_zone"),
    ("Type", "event_type"),
    ("Execute at", "execute_at"),
    ("Interval value", "interval_value"),
    ("Interval field", "interval_field"),
    ("Starts", "starts"),
    ("Ends", "ends"),
    ("Status", "status"),
    ("Originator", "originator"),
    ("character_set_client", "character_set_client"),
    ("collation_connection", "collation_connection"),
    ("Database Collation", "database_collation"),
];

const OPEN_TABLES: &[(&str, &str)] =
    &[("Database", "table_schema"), ("Table", "table_name"), ("In_use", "0"), ("Name_locked", "0")];

/// What a user of this server may be allowed.
const PRIVILEGES: [[&str; 3]; 4] = [
    ["Process", "Server Admin", "To view the plain text of currently executing queries"],
    ["Select", "Tables", "To retrieve rows from table"],
    ["Super", "Server Admin", "To use KILL thread, SET GLOBAL, CHANGE MASTER, etc."],
    ["Usage", "Server Admin", "No privileges - allow connect only"],
];

fn columns(object: &Object, full: bool) -> Listing {
    let listing = Listing::new("information_schema.columns")
        .only("table_schema", object.database())
        .only("table_name", object.name())
        .columns(&[("Field", "column_name"), ("Type", "column_type")]);
    let listing = if full { listing.column("Collation", "collation_name") } else { listing };
    let listing = listing.columns(&[
        ("Null", "is_nullable"),
        ("Key", "column_key"),
        ("Default", "column_default"),
        ("Extra", "extra"),
    ]);
    let listing = match full {
        true => listing.columns(&[("Privileges", "privileges"), ("Comment", "column_comment")]),
        false => listing,
    };
    listing.ordered_by("ordinal_position")
}

/// Every user reads everything; `root` may stop the statements of others and set the server's variables.
fn grants(context: &MetadataContext) -> ShowAnswer {
    let privileges = if context.is_root() { "SELECT, PROCESS, SUPER" } else { "SELECT" };
    let user = create_table::quoted(&context.user);
    let heading = format!("Grants for {}@%", context.user);
    texts([heading.as_str()], &[[format!("GRANT {privileges} ON *.* TO {user}@`%`")]])
}

fn warnings(
    context: &MetadataContext,
    errors: bool,
    count: bool,
    limit: Option<u64>,
    offset: u64,
) -> ShowAnswer {
    let last = &context.last_warnings;
    if count {
        let (heading, count) = match errors {
            true => ("@@session.error_count", last.errors()),
            false => ("@@session.warning_count", last.count()),
        };
        return rows([(heading, Arc::new(UInt64Array::from(vec![count])) as ArrayRef)]);
    }
    let all = last.list();
    let shown = all.iter().filter(|warning| !errors || warning.level == "Error");
    let length = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let shown = shown.skip(length(offset)).take(limit.map_or(usize::MAX, length)).collect::<Vec<_>>();
    let levels = shown.iter().map(|warning| Some(warning.level)).collect::<StringViewArray>();
    let codes = shown.iter().map(|warning| Some(u32::from(warning.code))).collect::<UInt32Array>();
    let messages = shown.iter().map(|warning| Some(warning.message.as_str())).collect::<StringViewArray>();
    rows([
        ("Level", Arc::new(levels) as ArrayRef),
        ("Code", Arc::new(codes)),
        ("Message", Arc::new(messages)),
    ])
}

/// Rows of texts under their headings.
fn texts<const N: usize>(headings: [&str; N], table: &[[String; N]]) -> ShowAnswer {
    let mut index = 0..N;
    rows(headings.map(|heading| {
        let at = index.next().unwrap_or_default();
        let array = table.iter().map(|row| Some(row[at].as_str())).collect::<StringViewArray>();
        (heading, Arc::new(array) as ArrayRef)
    }))
}

fn rows<const N: usize>(columns: [(&str, ArrayRef); N]) -> ShowAnswer {
    let field = |(heading, array): &(&str, ArrayRef)| Field::new(*heading, array.data_type().clone(), false);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    let shown =
        columns.iter().map(|(heading, array)| Column::new(*heading, array.data_type().clone(), false));
    let shown = shown.collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(schema, arrays).expect("the schema was made from arrays of one length");
    ShowAnswer::Rows { columns: shown, batch }
}

/// The name of a database as it is written; the default one when none is named.
fn find_database(context: &MetadataContext, name: Option<&str>) -> Result<String> {
    let name = name.or(context.database.as_deref()).ok_or(Error::NoDatabase)?;
    context.database_name(name).ok_or_else(|| Error::UnknownDatabase(name.into()))
}

pub(super) fn find_table(context: &MetadataContext, name: &TableName) -> Result<Object> {
    let database = find_database(context, name.database.as_deref())?;
    Object::find(context, &database, &name.table).ok_or_else(|| Error::NoSuchTable {
        database,
        table: name.table.clone(),
        hint: Hint::default(),
    })
}

/// A table that can tell its columns; else the error that says what is wrong with it.
async fn find_readable(context: &MetadataContext, name: &TableName) -> Result<Object> {
    let object = find_table(context, name)?;
    object.columns().await?;
    Ok(object)
}
