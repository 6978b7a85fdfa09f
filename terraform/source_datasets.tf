# What templates read: runs, and nobody else, may read the datasets that configs/sources.yml names.

resource "google_bigquery_dataset_iam_member" "sources" {
  for_each = { for pair in setproduct(var.source_datasets, ["run_pipeline", "run_pipeline_bulk"]) : join("/", pair) => {
    project  = split(".", pair[0])[0]
    dataset  = split(".", pair[0])[1]
    function = pair[1]
  } }

  project    = each.value.project
  dataset_id = each.value.dataset
  role       = "roles/bigquery.dataViewer"
  member     = local.members[each.value.function]
}
