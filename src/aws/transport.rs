//! The way to AWS that the caller hands in: a function from a request to an answer, worn as the SDK's HTTP client.

use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;

/// An answer on its way.
pub type Answer = BoxFuture<'static, Result<http::Response<Bytes>, TransportError>>;

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The connection broke: nobody knows whether the request had its effect.
    #[error("the connection was lost")]
    Lost,
    /// The request never left: there is no such host.
    #[error("no such host: {0}")]
    UnknownHost(String),
}

/// A function from a request to an answer, through which every call goes.
#[derive(Clone)]
pub struct Transport(Arc<dyn Fn(http::Request<Bytes>) -> Answer + Send + Sync>);

impl Transport {
    /// A transport; the function takes the time that an answer takes.
    pub fn new(send: impl Fn(http::Request<Bytes>) -> Answer + Send + Sync + 'static) -> Self {
        Self(Arc::new(send))
    }

    async fn carry(self, mut request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let body = request.take_body();
        let body = Bytes::copy_from_slice(body.bytes().unwrap_or_default());
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?.map(|_| body);
        let answer = (self.0)(request).await.map_err(|error| match error {
            TransportError::Lost => ConnectorError::io(error.into()),
            TransportError::UnknownHost(_) => ConnectorError::io(error.into()).never_connected(),
        })?;
        HttpResponse::try_from(answer.map(SdkBody::from)).map_err(|error| ConnectorError::io(error.into()))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

impl HttpConnector for Transport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().carry(request).boxed())
    }
}

impl HttpClient for Transport {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
