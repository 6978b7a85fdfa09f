# What applying terraform/ needs, by type of resource; a test compares the types with those of terraform/. Nothing here reads
# a secret, a row or what a key has encrypted, and nothing deletes a dataset, table, key, secret or bucket: that is for people.
# A subscription can be deleted, and with it what is undelivered in it. What apply could give itself beyond this: grants.tf.
# (Google's pages "IAM permissions" of each service.)

locals {
  permissions = {
    google_artifact_registry_repository            = ["artifactregistry.repositories.create", "artifactregistry.repositories.get", "artifactregistry.repositories.update"]
    google_artifact_registry_repository_iam_member = ["artifactregistry.repositories.getIamPolicy", "artifactregistry.repositories.setIamPolicy"]
    # …IamPolicy: an organisation may have made a dataset's access list a policy of its own, also when the dataset is made
    # with one (enable_fine_grained_dataset_acls_option; Google announced it for all, and in March 2026 left it optional).
    google_bigquery_dataset                = ["bigquery.datasets.create", "bigquery.datasets.get", "bigquery.datasets.getIamPolicy", "bigquery.datasets.setIamPolicy", "bigquery.datasets.update"]
    google_bigquery_dataset_iam_member     = ["bigquery.datasets.get", "bigquery.datasets.getIamPolicy", "bigquery.datasets.setIamPolicy", "bigquery.datasets.update"]
    google_bigquery_table                  = ["bigquery.tables.create", "bigquery.tables.get", "bigquery.tables.update"]
    google_bigquery_table_iam_member       = ["bigquery.tables.getIamPolicy", "bigquery.tables.setIamPolicy"]
    google_cloud_run_v2_service_iam_member = ["run.services.get", "run.services.getIamPolicy", "run.services.setIamPolicy"]
    google_cloud_scheduler_job             = ["cloudscheduler.jobs.create", "cloudscheduler.jobs.delete", "cloudscheduler.jobs.fullView", "cloudscheduler.jobs.get", "cloudscheduler.jobs.update"]
    google_cloudfunctions2_function = [
      "cloudfunctions.functions.create", "cloudfunctions.functions.delete", "cloudfunctions.functions.get", "cloudfunctions.functions.update",
      "cloudfunctions.operations.get", "iam.serviceAccounts.actAs",
    ]
    google_compute_backend_service = [
      "compute.backendServices.create", "compute.backendServices.delete", "compute.backendServices.get", "compute.backendServices.setSecurityPolicy",
      "compute.backendServices.update", "compute.globalOperations.get", "compute.regionNetworkEndpointGroups.use", "compute.securityPolicies.use",
    ]
    google_compute_global_address = ["compute.globalAddresses.create", "compute.globalAddresses.delete", "compute.globalAddresses.get", "compute.globalAddresses.setLabels"]
    google_compute_global_forwarding_rule = [
      "compute.globalAddresses.use", "compute.globalForwardingRules.create", "compute.globalForwardingRules.delete", "compute.globalForwardingRules.get",
      "compute.globalForwardingRules.setLabels", "compute.globalForwardingRules.setTarget", "compute.globalForwardingRules.update",
      "compute.targetHttpProxies.use", "compute.targetHttpsProxies.use",
    ]
    google_compute_managed_ssl_certificate       = ["compute.sslCertificates.create", "compute.sslCertificates.delete", "compute.sslCertificates.get"]
    google_compute_network                       = ["compute.networks.create", "compute.networks.delete", "compute.networks.get", "compute.networks.update"]
    google_compute_region_network_endpoint_group = ["compute.regionNetworkEndpointGroups.create", "compute.regionNetworkEndpointGroups.delete", "compute.regionNetworkEndpointGroups.get", "compute.regionOperations.get"]
    google_compute_security_policy               = ["compute.securityPolicies.create", "compute.securityPolicies.delete", "compute.securityPolicies.get", "compute.securityPolicies.setLabels", "compute.securityPolicies.update"]
    google_compute_ssl_policy                    = ["compute.sslPolicies.create", "compute.sslPolicies.delete", "compute.sslPolicies.get", "compute.sslPolicies.update"]
    google_compute_target_http_proxy             = ["compute.targetHttpProxies.create", "compute.targetHttpProxies.delete", "compute.targetHttpProxies.get", "compute.targetHttpProxies.setUrlMap", "compute.urlMaps.use"]
    google_compute_target_https_proxy = [
      "compute.sslPolicies.use", "compute.targetHttpsProxies.create", "compute.targetHttpsProxies.delete", "compute.targetHttpsProxies.get",
      "compute.targetHttpsProxies.setSslCertificates", "compute.targetHttpsProxies.setSslPolicy", "compute.targetHttpsProxies.setUrlMap", "compute.urlMaps.use",
    ]
    google_compute_url_map                 = ["compute.backendServices.use", "compute.urlMaps.create", "compute.urlMaps.delete", "compute.urlMaps.get", "compute.urlMaps.update"]
    google_kms_crypto_key                  = ["cloudkms.cryptoKeys.create", "cloudkms.cryptoKeys.get", "cloudkms.cryptoKeys.update"]
    google_kms_crypto_key_iam_member       = ["cloudkms.cryptoKeys.getIamPolicy", "cloudkms.cryptoKeys.setIamPolicy"]
    google_kms_key_ring                    = ["cloudkms.keyRings.create", "cloudkms.keyRings.get"]
    google_logging_metric                  = ["logging.logMetrics.create", "logging.logMetrics.delete", "logging.logMetrics.get", "logging.logMetrics.update"]
    google_monitoring_alert_policy         = ["monitoring.alertPolicies.create", "monitoring.alertPolicies.delete", "monitoring.alertPolicies.get", "monitoring.alertPolicies.update"]
    google_monitoring_dashboard            = ["monitoring.dashboards.create", "monitoring.dashboards.delete", "monitoring.dashboards.get", "monitoring.dashboards.update"]
    google_monitoring_notification_channel = ["monitoring.notificationChannels.create", "monitoring.notificationChannels.delete", "monitoring.notificationChannels.get", "monitoring.notificationChannels.update"]
    google_project                         = ["resourcemanager.projects.get"]
    google_project_iam_custom_role         = ["iam.roles.create", "iam.roles.delete", "iam.roles.get", "iam.roles.undelete", "iam.roles.update"]
    google_project_iam_member              = ["resourcemanager.projects.getIamPolicy"] # setting it: grants.tf
    google_project_service                 = ["serviceusage.operations.get", "serviceusage.services.enable", "serviceusage.services.get", "serviceusage.services.list"]
    google_project_service_identity        = ["serviceusage.services.enable"]
    google_pubsub_subscription             = ["iam.serviceAccounts.actAs", "pubsub.subscriptions.create", "pubsub.subscriptions.delete", "pubsub.subscriptions.get", "pubsub.subscriptions.update", "pubsub.topics.attachSubscription"]
    google_pubsub_subscription_iam_member  = ["pubsub.subscriptions.getIamPolicy", "pubsub.subscriptions.setIamPolicy"]
    google_pubsub_topic                    = ["pubsub.topics.create", "pubsub.topics.delete", "pubsub.topics.get", "pubsub.topics.update"]
    google_pubsub_topic_iam_member         = ["pubsub.topics.getIamPolicy", "pubsub.topics.setIamPolicy"]
    google_redis_instance                  = ["compute.networks.list", "redis.instances.create", "redis.instances.delete", "redis.instances.get", "redis.instances.update", "redis.operations.get"]
    google_secret_manager_secret           = ["secretmanager.secrets.create", "secretmanager.secrets.get", "secretmanager.secrets.update"]
    google_secret_manager_secret_iam_member = [
      "secretmanager.secrets.getIamPolicy", "secretmanager.secrets.setIamPolicy",
    ]
    google_service_account                       = ["iam.serviceAccounts.create", "iam.serviceAccounts.delete", "iam.serviceAccounts.get", "iam.serviceAccounts.update"]
    google_service_account_iam_member            = ["iam.serviceAccounts.getIamPolicy", "iam.serviceAccounts.setIamPolicy"]
    google_service_usage_consumer_quota_override = ["serviceusage.operations.get", "serviceusage.quotas.get", "serviceusage.quotas.update"]
    google_storage_bucket                        = ["storage.buckets.create", "storage.buckets.get", "storage.buckets.update"]
    google_storage_bucket_object                 = ["storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list"]
    google_vpc_access_connector                  = ["vpcaccess.connectors.create", "vpcaccess.connectors.delete", "vpcaccess.connectors.get", "vpcaccess.connectors.update", "vpcaccess.operations.get"]
  }

  # Of these, what changes nothing: a plan needs no more.
  reading = "\\.(get|list|getIamPolicy|fullView)$"
}
