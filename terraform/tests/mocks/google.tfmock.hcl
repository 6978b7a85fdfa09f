# An account's address has a form that IAM asks for; all else may be any text.
mock_resource "google_service_account" {
  defaults = {
    email  = "mock@ci-project.iam.gserviceaccount.com"
    member = "serviceAccount:mock@ci-project.iam.gserviceaccount.com"
  }
}
