//! What the catalog holds, as rows: databases, tables, views, columns. The server's own made-up tables are among them.
//!
//! It knows names and types; no files.

use std::sync::Arc;

use super::definitions::{self, Definition, ENGINE_OF_SYSTEM_TABLES};
use super::rows::{Cell, Rows};
use super::variables::ENGINE;
use super::{AboutViews, MetadataContext, SYSTEM_DATABASES};
use crate::catalog;
use crate::engine::error::{Error, Result};
use crate::engine::temporary::{Default, TemporaryTable};
use crate::engine::types::{CHARACTER_SET, COLLATION, MysqlType};
use crate::views::View;
use crate::views::definition::Definition as ViewDefinition;

/// Who is told to have made a view: nobody is remembered, and it is read with everybody's rights.
const DEFINER: &str = "root@%";

/// The engine that temporary tables are shown with: they are in memory.
pub const ENGINE_OF_TEMPORARY_TABLES: &str = "MEMORY";

/// The one catalog of MySQL.
pub const CATALOG: &str = "def";

/// A table: of the lake, a view, or made up by the server.
#[derive(Clone, Debug)]
pub enum Object {
    /// Of the lake.
    Lake(Arc<catalog::Table>),
    /// A view, and who tells its columns.
    View(Arc<View>, Arc<dyn AboutViews>),
    /// Made up by the server.
    System(&'static Definition),
    /// The session's own.
    Temporary(Arc<TemporaryTable>),
}

impl Object {
    /// All tables, by database and name.
    pub fn all(context: &MetadataContext) -> Vec<Self> {
        let system = definitions::all().iter().map(Self::System);
        let lake = context.snapshot.databases.values().flat_map(|database| database.tables.values());
        let lake = lake.map(|table| Self::Lake(Arc::clone(table)));
        let views = context.views.views.values().map(|view| Self::view(view, context));
        system.chain(lake).chain(views).collect()
    }

    fn view(view: &Arc<View>, context: &MetadataContext) -> Self {
        Self::View(Arc::clone(view), Arc::clone(&context.about_views))
    }

    /// All tables that a statement of the session can read: its own stand before others of their names.
    pub fn readable(context: &MetadataContext) -> Vec<Self> {
        let own = context.temporary.values().map(|table| Self::Temporary(Arc::clone(table)));
        let hidden = |object: &Self| {
            let key = (object.database().to_lowercase(), object.name().to_lowercase());
            context.temporary.contains_key(&key)
        };
        Self::all(context).into_iter().filter(|object| !hidden(object)).chain(own).collect()
    }

    /// The table of a name, in any case.
    pub fn find(context: &MetadataContext, database: &str, name: &str) -> Option<Self> {
        let key = (database.to_lowercase(), name.to_lowercase());
        if let Some(table) = context.temporary.get(&key) {
            return Some(Self::Temporary(Arc::clone(table)));
        }
        if let Some(definition) = definitions::find(database, name) {
            return Some(Self::System(definition));
        }
        let tables =
            context.snapshot.databases.get(&database.to_lowercase()).map(|database| &database.tables);
        if let Some(table) = tables.and_then(|tables| tables.get(&name.to_lowercase())) {
            return Some(Self::Lake(Arc::clone(table)));
        }
        context.views.find(database, name).map(|view| Self::view(view, context))
    }

    /// Its columns in order. A table of the lake may have to read files for them, a view's query is planned.
    pub async fn columns(&self) -> Result<Arc<[catalog::Column]>> {
        match self {
            Self::Lake(table) => Ok(table.columns().await?),
            Self::View(view, describe) => describe.columns(view).await,
            Self::System(definition) => Ok(definition.catalog_columns()),
            Self::Temporary(table) => Ok(Arc::clone(&table.columns)),
        }
    }

    /// The type of one of its columns.
    pub fn kind(&self, place: usize, column: &catalog::Column) -> MysqlType {
        let max_characters = match self {
            Self::Lake(_) | Self::View(..) => None,
            Self::System(definition) => definition.columns[place].max_characters,
            Self::Temporary(table) => return table.declared[place],
        };
        MysqlType::of(&column.data_type, max_characters, false)
    }

    /// What one of its columns is when nobody says it, where it can be written.
    pub fn default(&self, place: usize) -> Option<&Default> {
        match self {
            Self::Temporary(table) => table.defaults.get(place),
            Self::Lake(_) | Self::View(..) | Self::System(_) => None,
        }
    }

    /// Its database's name, as written.
    pub fn database(&self) -> &str {
        match self {
            Self::Lake(table) => &table.database,
            Self::View(view, _) => view.database(),
            Self::System(definition) => definition.database,
            Self::Temporary(table) => &table.database,
        }
    }

    /// Its name, as written.
    pub fn name(&self) -> &str {
        match self {
            Self::Lake(table) => &table.name,
            Self::View(view, _) => view.name(),
            Self::System(definition) => definition.name,
            Self::Temporary(table) => &table.name,
        }
    }
}

/// `SCHEMATA`.
pub fn schemata(context: &MetadataContext, rows: &mut Rows) {
    let system = SYSTEM_DATABASES.into_iter().map(String::from);
    for name in system.chain(context.databases()) {
        rows.push(&[
            CATALOG.into(),
            name.as_str().into(),
            CHARACTER_SET.into(),
            COLLATION.into(),
            Cell::Null,
            "NO".into(),
        ]);
    }
}

/// `TABLES`. Sizes and times are NULL: telling them would list every file of the lake.
pub fn tables(object: &Object, rows: &mut Rows) {
    let (kind, engine) = match object {
        Object::Lake(_) => ("BASE TABLE", Cell::from(ENGINE)),
        Object::Temporary(_) => ("TEMPORARY", Cell::from(ENGINE_OF_TEMPORARY_TABLES)),
        Object::View(..) => ("VIEW", Cell::Null),
        Object::System(Definition { database: "information_schema", .. }) => ("SYSTEM VIEW", Cell::Null),
        Object::System(_) => ("BASE TABLE", Cell::from(ENGINE_OF_SYSTEM_TABLES)),
    };
    // MySQL too tells there what is wrong with a table.
    let comment = match object {
        Object::Lake(table) => {
            table.problem().map_or_else(|| table.comment.clone(), |error| error.to_string())
        }
        Object::View(view, _) => match &view.definition {
            // MySQL tells that it is one; a comment tells more.
            Ok(definition) if definition.comment.is_empty() => "VIEW".to_owned(),
            Ok(definition) => definition.comment.clone(),
            Err(error) => error.to_string(),
        },
        Object::System(_) | Object::Temporary(_) => String::new(),
    };
    let mut row = [Cell::Null; 21];
    row[..5].copy_from_slice(&[
        CATALOG.into(),
        object.database().into(),
        object.name().into(),
        kind.into(),
        engine,
    ]);
    // A view has no rows of its own.
    if !matches!(object, Object::View(..)) {
        row[5] = 10_u64.into();
        row[6] = "Dynamic".into();
        row[17] = COLLATION.into();
        row[19] = "".into();
    }
    row[20] = comment.as_str().into();
    rows.push(&row);
}

/// `VIEWS`. A view that cannot be read has no definition to tell.
pub fn views(object: &Object, rows: &mut Rows) {
    let Object::View(view, _) = object else { return };
    let query = view.definition.as_ref().ok().map(|definition| definition.query.as_str());
    rows.push(&[
        CATALOG.into(),
        object.database().into(),
        object.name().into(),
        query.into(),
        "NONE".into(),
        "NO".into(),
        DEFINER.into(),
        "DEFINER".into(),
        CHARACTER_SET.into(),
        COLLATION.into(),
    ]);
}

/// The definition of a view, or what is wrong with it.
pub fn definition(view: &View) -> Result<&ViewDefinition> {
    view.definition.as_deref().map_err(|error| Error::from(error.clone()))
}

/// `PARTITIONS`: one row for each table. The folders of a table are not MySQL's partitions.
pub fn partitions(object: &Object, rows: &mut Rows) {
    let mut row = [Cell::Null; 25];
    row[..3].copy_from_slice(&[CATALOG.into(), object.database().into(), object.name().into()]);
    row[22] = "".into();
    rows.push(&row);
}

/// `COLUMNS`.
pub fn columns(object: &Object, columns: &[catalog::Column], rows: &mut Rows) {
    for (index, column) in columns.iter().enumerate() {
        let shown = object.kind(index, column);
        let default = object.default(index);
        let extra = default.map(Default::extra).unwrap_or_default();
        let character_set = shown.is_text().then_some(CHARACTER_SET);
        rows.push(&[
            CATALOG.into(),
            object.database().into(),
            object.name().into(),
            column.name.as_str().into(),
            (index as u64 + 1).into(),
            default.and_then(Default::text).into(),
            if column.nullable { "YES" } else { "NO" }.into(),
            shown.name().into(),
            shown.maximum_characters().into(),
            shown.maximum_bytes().into(),
            shown.numeric_precision().into(),
            shown.numeric_scale().into(),
            shown.datetime_precision().map(u64::from).into(),
            character_set.into(),
            character_set.map(|_| COLLATION).into(),
            shown.definition().as_ref().into(),
            "".into(),
            extra.as_ref().into(),
            "select".into(),
            column.comment.as_str().into(),
            "".into(),
            Cell::Null,
        ]);
    }
}
