//! What needs no server: every made-up table makes its rows, and filters choose the tables that are looked at.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, col, lit};
use datafusion::physical_plan::collect;
use datafusion::prelude::SessionContext;

use super::variables::{Globals, Variables};
use super::work::Work;
use super::*;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::engine::dialect;

async fn context(config: &Config) -> Arc<MetadataContext> {
    let catalog = Catalog::open(config).await.unwrap();
    let process = |id: u32, user: &str| processes::Row {
        id,
        user: user.into(),
        host: "localhost:50000".into(),
        database: None,
        command: "Sleep",
        seconds: 3,
        state: "",
        info: None,
        attributes: Arc::new([("program_name".to_owned(), "reports".to_owned())].into()),
    };
    Arc::new(MetadataContext {
        snapshot: catalog.snapshot(),
        views: Arc::default(),
        about_views: Arc::new(NoViews),
        refreshes: None,
        user: "ann".into(),
        host: "localhost".into(),
        encryption: None,
        database: None,
        variables: Variables::new(&Globals::new(config), false),
        processes: vec![process(1, "ann"), process(2, "bob")],
        counters: Counters::default(),
        last_warnings: Arc::default(),
        temporary: Arc::default(),
        warnings: Arc::default(),
    })
}

/// Views without columns.
#[derive(Debug)]
struct NoViews;

#[async_trait]
impl AboutViews for NoViews {
    async fn columns(&self, view: &View) -> Result<Arc<[catalog::Column]>> {
        assert_eq!(view.id.to_string(), "mart.orders");
        Ok(Arc::default())
    }

    fn runs(&self) -> Vec<Arc<Run>> {
        Vec::new()
    }
}

/// A catalog of csv tables: a good one in each of two databases, and one whose definition is wrong.
fn lake() -> (tempfile::TempDir, Config) {
    let directory = tempfile::tempdir().unwrap();
    for (path, yaml) in [
        ("Shop/orders.yaml", "location: orders\nformat: csv\ncolumns: { id: bigint, Note: varchar(10) }\n"),
        ("play/games.yaml", "location: games\nformat: csv\ncolumns: { name: varchar(20) }\n"),
        ("play/wrong.yaml", "location: wrong\nformat: csv\ncolumns: { name: text_of_any_kind }\n"),
    ] {
        let path = directory.path().join("catalog").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, yaml).unwrap();
    }
    std::fs::create_dir_all(directory.path().join("lake")).unwrap();
    let mut config = Config::default();
    config.resolve(directory.path());
    (directory, config)
}

/// The first texts of a column under some filters, joined.
async fn texts(table: &str, column: &str, filters: &[Expr], context: &Arc<MetadataContext>) -> String {
    let found = resolve("information_schema", table, context).unwrap().unwrap();
    let index = found.provider.schema().index_of(column).unwrap();
    let session = SessionContext::new();
    let plan = found.provider.scan(&session.state(), Some(&vec![index]), filters, None).await.unwrap();
    let batches = collect(plan, session.task_ctx()).await.unwrap();
    let values = batches.iter().flat_map(|batch| {
        (0..batch.num_rows())
            .map(|row| ScalarValue::try_from_array(batch.column(0), row).unwrap().to_string())
    });
    values.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn every_table_makes_its_rows() {
    let (_directory, config) = lake();
    let text = "CREATE MATERIALIZED VIEW mart.orders AS SELECT * FROM shop.orders";
    let view = dialect::parse_view(text).unwrap().body.named("mart", "orders");
    let id = catalog::TableId::new("mart", "orders");
    let view = View { id: id.clone(), file: "orders.sql".into(), definition: Ok(Arc::new(view)) };
    let views = Arc::new(views::Snapshot { views: [(id, Arc::new(view))].into() });
    let context = Arc::new(MetadataContext { views, ..context(&config).await.as_ref().clone() });
    for definition in definitions::all() {
        // Nobody refreshes here.
        if matches!(
            definition.source,
            definitions::Source::Work(Work::Units | Work::SourceUnits | Work::Runs)
        ) {
            continue;
        }
        let table = resolve(definition.database, definition.name, &context).unwrap().unwrap();
        let session = SessionContext::new();
        let plan = table.provider.scan(&session.state(), None, &[], None).await.unwrap();
        let batches = collect(plan, session.task_ctx()).await.unwrap();
        let rows = batches.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>();
        let empty = matches!(definition.source, definitions::Source::Empty);
        assert_eq!(rows == 0, empty, "{}.{}", definition.database, definition.name);
        assert_eq!(table.columns.len(), table.provider.schema().fields().len(), "{}", definition.name);
    }
}

#[tokio::test]
async fn filters_choose_the_tables_that_are_looked_at() {
    let (_directory, config) = lake();
    let context = context(&config).await;
    let schema = || col("table_schema");
    let check = async |filters: &[Expr], expected: &str, warnings: u64| {
        let before = context.warnings.count();
        assert_eq!(texts("columns", "column_name", filters, &context).await, expected, "{filters:?}");
        assert_eq!(context.warnings.count() - before, warnings, "{filters:?}");
    };
    let view = |text: &str| lit(ScalarValue::Utf8View(Some(text.into())));
    check(&[schema().eq(view("Shop"))], "id Note", 0).await;
    check(&[schema().eq(view("play")), col("table_name").eq(view("games"))], "name", 0).await;
    // The wrong table is left out, and says so.
    check(&[schema().eq(view("play"))], "name", 1).await;
    check(&[schema().like(view("Sho%"))], "id Note", 0).await;
    check(&[schema().in_list(vec![view("Shop"), view("nowhere")], false)], "id Note", 0).await;
    check(&[schema().eq(view("nowhere"))], "", 0).await;
    check(&[schema().eq(lit(ScalarValue::Utf8View(None)))], "", 0).await;
}

#[tokio::test]
async fn a_wrong_table_is_listed_with_what_is_wrong() {
    let (_directory, config) = lake();
    let context = context(&config).await;
    let filter = col("table_schema").eq(lit(ScalarValue::Utf8View(Some("play".into()))));
    let comments = texts("tables", "table_comment", std::slice::from_ref(&filter), &context).await;
    assert!(comments.contains("text_of_any_kind"), "{comments}");
    assert_eq!(texts("tables", "table_name", &[filter], &context).await, "games wrong");
}

#[tokio::test]
async fn others_processes_are_not_told() {
    let (_directory, config) = lake();
    let context = context(&config).await;
    assert_eq!(texts("processlist", "id", &[], &context).await, "1");
    let root = Arc::new(MetadataContext { user: "root".into(), ..context.as_ref().clone() });
    assert_eq!(texts("processlist", "id", &[], &root).await, "1 2");
}

#[tokio::test]
async fn what_is_not_there_is_an_error() {
    let (_directory, config) = lake();
    let context = context(&config).await;
    let check = |database: &str, table: &str, expected: Option<Option<u16>>| {
        let found = resolve(database, table, &context).map(|found| found.err().map(|error| error.code().0));
        assert_eq!(found, expected, "{database}.{table}");
    };
    check("INFORMATION_SCHEMA", "Tables", Some(None));
    check("information_schema", "nothing", Some(Some(1109)));
    check("mysql", "nothing", Some(Some(1146)));
    check("Shop", "orders", None);
}
