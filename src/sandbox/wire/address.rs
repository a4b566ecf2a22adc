//! Where a request goes and who sends it: the credential scope of its signature, or its host.

use bytes::Bytes;

use super::Service;

/// Service, region and access key of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Address {
    /// The signing name, for example `ec2`.
    pub service: String,
    /// For example `eu-west-1`.
    pub region: String,
    /// The key that signed; none for a request without a signature.
    pub access_key: Option<String>,
}

impl Address {
    /// Reads the address of a request.
    pub(super) fn of(request: &http::Request<Bytes>) -> Self {
        let (service, region) = host(request).map_or((String::new(), None), |host| named(&host));
        match scope(request).as_deref().and_then(signed) {
            Some(signed) => signed,
            None => Self { service, region: region.unwrap_or_else(|| "us-east-1".to_owned()), access_key: None },
        }
    }
}

/// The region in a host of AWS (`ssm.eu-west-1.amazonaws.com`), if it is one.
pub(super) fn region_of_host(request: &http::Request<Bytes>) -> Option<String> {
    named(&host(request)?).1
}

impl Service {
    /// The service of a signing name.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Ec2, Self::AutoScaling, Self::Ssm, Self::ImageBuilder, Self::Sts]
            .into_iter()
            .find(|service| service.name() == name)
    }
}

/// The credential of the signature: of the header, or of the query string.
fn scope(request: &http::Request<Bytes>) -> Option<String> {
    let header = request.headers().get(http::header::AUTHORIZATION).and_then(|header| header.to_str().ok());
    let from_header = header.and_then(|header| {
        let (_, rest) = header.split_once("Credential=")?;
        rest.split([',', ' ']).next().map(str::to_owned)
    });
    from_header.or_else(|| {
        let query = request.uri().query()?;
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "X-Amz-Credential")
            .map(|(_, value)| value.into_owned())
    })
}

/// `AKIA…/20261124/eu-west-1/ec2/aws4_request`.
fn signed(scope: &str) -> Option<Address> {
    let mut parts = scope.rsplit('/');
    let ("aws4_request", service, region, _date) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?) else {
        return None;
    };
    let access_key = parts.next()?.to_owned();
    Some(Address { service: service.to_owned(), region: region.to_owned(), access_key: Some(access_key) })
}

fn host(request: &http::Request<Bytes>) -> Option<String> {
    let header = request.headers().get(http::header::HOST).and_then(|header| header.to_str().ok());
    header.or_else(|| request.uri().host()).map(|host| host.split(':').next().unwrap_or(host).to_owned())
}

/// Service and region of a host of AWS.
fn named(host: &str) -> (String, Option<String>) {
    let name = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".api.aws"));
    let Some(name) = name else { return (String::new(), None) };
    let (service, region) = name.split_once('.').map_or((name, None), |(service, region)| (service, Some(region)));
    (service.trim_end_matches("-fips").to_owned(), region.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)], uri: &str) -> http::Request<Bytes> {
        let builder =
            headers.iter().fold(http::Request::post(uri), |builder, (name, value)| builder.header(*name, *value));
        builder.body(Bytes::new()).unwrap()
    }

    #[test]
    fn the_signature_counts_before_the_host() {
        let credential =
            "AWS4-HMAC-SHA256 Credential=AKIA1/20261124/eu-west-1/ssm/aws4_request, SignedHeaders=host, Signature=0";
        let address = Address::of(&request(&[("host", "127.0.0.1:4566"), ("authorization", credential)], "/"));
        assert_eq!(
            address,
            Address { service: "ssm".into(), region: "eu-west-1".into(), access_key: Some("AKIA1".into()) }
        );
    }

    #[test]
    fn a_presigned_request_and_a_host_are_read() {
        let uri = "/?X-Amz-Credential=AKIA2%2F20261124%2Fus-east-2%2Fsts%2Faws4_request";
        assert_eq!(Address::of(&request(&[], uri)).region, "us-east-2");
        let address = Address::of(&request(&[("host", "imagebuilder.eu-north-1.amazonaws.com")], "/"));
        assert_eq!((address.service.as_str(), address.region.as_str()), ("imagebuilder", "eu-north-1"));
        assert_eq!(Address::of(&request(&[("host", "sts.amazonaws.com")], "/")).region, "us-east-1");
    }
}
