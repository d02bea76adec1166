//! Redis as it is run in production: in a cluster, and over TLS.

use auth_store::RedisStore;
use test_support::redis::{Cluster, Kind, Server};

use super::{Nodes, flow, in_cluster, plain, tls};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_work_on_two_nodes_with_one_redis() {
    let Some(redis) = Server::start().await else { return };
    flow::holds(&Nodes::with(|| plain(&redis.url())).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_work_for_a_user_with_the_documented_permissions() {
    let Some(redis) = Server::start_as(Kind::WithUser).await else { return };
    flow::holds(&Nodes::with(|| plain(&redis.url())).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_work_over_tls() {
    let Some(redis) = Server::start_as(Kind::Tls { asks_client: false }).await else { return };
    flow::holds(&Nodes::with(|| RedisStore::with_tls(&redis.url(), &tls()).unwrap()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_work_in_a_cluster_with_and_without_tls() {
    let Some(cluster) = Cluster::start().await else { return };
    flow::holds(&Nodes::with(|| in_cluster(&cluster.urls())).await).await;
    let urls = cluster.tls_urls();
    let store = || RedisStore::cluster_with_tls(urls.iter().map(String::as_str), &tls()).unwrap().prefix("tls:");
    flow::holds(&Nodes::with(store).await).await;
}
