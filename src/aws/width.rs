//! How wide rebake asks: calls for many things of one site, some at a time.

use futures::StreamExt;

/// Calls under way at once, for one kind of fact of one site. The budget bounds the rate, this the open connections.
const WIDTH: usize = 16;

/// Asks for each item, several at a time, and returns the answers in the order of the items.
pub(crate) async fn each<'a, T, R, F: Future<Output = R>>(items: &'a [T], ask: impl Fn(&'a T) -> F) -> Vec<R> {
    futures::stream::iter(items).map(ask).buffered(WIDTH).collect().await
}
