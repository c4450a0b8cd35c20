"""boto3, unmodified and over HTTP, against our simulated Eucalyptus, by both versions of the signature."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aiocloud.simulators.eucalyptus import EucalyptusSimulator
from aiocloud.simulators.server import serve
from tests.interop.conftest import official

boto3 = official("boto3")
config = official("botocore.config")
exceptions = official("botocore.exceptions")


def client(simulator: EucalyptusSimulator, base: str, signature: str, secret: str | None = None) -> Any:
    return boto3.client(
        "ec2",
        endpoint_url=f"{base.rstrip('/')}/services/compute",
        region_name="eucalyptus",
        aws_access_key_id=simulator.credentials["access_key_id"],
        aws_secret_access_key=secret or simulator.credentials["secret_access_key"],
        config=config.Config(signature_version=signature, retries={"max_attempts": 1}),
    )


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
@pytest.mark.parametrize("signature", ["v2", "v4"])
async def test_an_instance_lives_from_run_to_terminate(signature: str) -> None:
    simulator = EucalyptusSimulator(boot=0.0)
    simulator.populate(2)

    def work(base: str) -> None:
        ec2 = client(simulator, base, signature)
        zones = ec2.describe_availability_zones()["AvailabilityZones"]
        image = ec2.describe_images(Owners=["self"])["Images"][0]["ImageId"]
        (made,) = ec2.run_instances(
            ImageId=image,
            InstanceType="m1.small",
            MinCount=1,
            MaxCount=1,
            Placement={"AvailabilityZone": zones[0]["ZoneName"]},
        )["Instances"]
        reservations = ec2.describe_instances()["Reservations"]
        assert made["InstanceId"] in {each["InstanceId"] for one in reservations for each in one["Instances"]}
        assert len(reservations) == 3
        ec2.terminate_instances(InstanceIds=[made["InstanceId"]])

    async with serve(simulator) as base:
        await asyncio.to_thread(work, str(base))


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
@pytest.mark.parametrize("signature", ["v2", "v4"])
async def test_a_wrong_secret_is_refused_in_the_clients_own_words(signature: str) -> None:
    simulator = EucalyptusSimulator()

    def work(base: str) -> None:
        with pytest.raises(exceptions.ClientError, match="AuthFailure"):
            client(simulator, base, signature, "wrong").describe_instances()

    async with serve(simulator) as base:
        await asyncio.to_thread(work, str(base))
