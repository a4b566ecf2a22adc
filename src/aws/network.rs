//! Where instances can run: regions, subnets, security groups, instance types.

use aws_sdk_ec2::types::Filter;

use super::call::Call;
use super::connection::Connection;
use super::error::Error;

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// Its availability zone.
    pub zone: String,
    /// Addresses that nothing uses.
    pub free_addresses: u32,
}

impl Connection {
    /// The regions that the account can use: those that it opted into, and those that need no opting in.
    pub async fn enabled_regions(&self) -> Result<Vec<String>, Error> {
        let call = Call::repeatable("ec2:DescribeRegions", "");
        let answer = self.call(call, || self.ec2.describe_regions().all_regions(false).send()).await?;
        let told = answer.regions.unwrap_or_default();
        let mut regions: Vec<String> = told.into_iter().filter_map(|region| region.region_name).collect();
        regions.sort();
        Ok(regions)
    }

    /// These subnets, as far as they exist, by id.
    pub async fn subnets(&self, ids: &[String]) -> Result<Vec<Subnet>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.subnets_by(filter("subnet-id", ids)).await
    }

    /// The subnets of the default VPC, by id: where an instance runs for which nobody names one.
    pub async fn default_subnets(&self) -> Result<Vec<Subnet>, Error> {
        self.subnets_by(filter("default-for-az", &["true".to_owned()])).await
    }

    async fn subnets_by(&self, filter: Filter) -> Result<Vec<Subnet>, Error> {
        let pages = self
            .pages(
                Call::repeatable("ec2:DescribeSubnets", ""),
                |token| self.ec2.describe_subnets().filters(filter.clone()).set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            )
            .await?;
        let told = pages.into_iter().flat_map(|page| page.subnets.unwrap_or_default());
        let mut subnets: Vec<Subnet> = told
            .filter_map(|subnet| {
                Some(Subnet {
                    id: subnet.subnet_id?,
                    vpc: subnet.vpc_id?,
                    zone: subnet.availability_zone.unwrap_or_default(),
                    free_addresses: super::text::count_of(subnet.available_ip_address_count),
                })
            })
            .collect();
        subnets.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(subnets)
    }

    /// These security groups, as far as they exist, each with its VPC.
    pub async fn security_groups(&self, ids: &[String]) -> Result<Vec<(String, String)>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = filter("group-id", ids);
        let pages = self
            .pages(
                Call::repeatable("ec2:DescribeSecurityGroups", ""),
                |token| self.ec2.describe_security_groups().filters(wanted.clone()).set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            )
            .await?;
        let told = pages.into_iter().flat_map(|page| page.security_groups.unwrap_or_default());
        Ok(told.filter_map(|group| Some((group.group_id?, group.vpc_id?))).collect())
    }

    /// These instance types, as far as the region has them, each with the architectures that it runs.
    pub async fn instance_types(&self, names: &[String]) -> Result<Vec<(String, Vec<String>)>, Error> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        // By filter and not by name: a type that the region lacks is left out instead of failing the others.
        let wanted = filter("instance-type", names);
        let pages = self
            .pages(
                Call::repeatable("ec2:DescribeInstanceTypes", ""),
                |token| self.ec2.describe_instance_types().filters(wanted.clone()).set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            )
            .await?;
        let told = pages.into_iter().flat_map(|page| page.instance_types.unwrap_or_default());
        Ok(told
            .filter_map(|kind| {
                let architectures = kind.processor_info.and_then(|told| told.supported_architectures);
                let architectures = architectures.unwrap_or_default();
                let architectures = architectures.iter().map(|one| one.as_str().to_owned()).collect();
                Some((kind.instance_type?.as_str().to_owned(), architectures))
            })
            .collect())
    }
}

fn filter(name: &str, values: &[String]) -> Filter {
    Filter::builder().name(name).set_values(Some(values.to_vec())).build()
}
