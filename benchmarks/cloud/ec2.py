"""What EC2 says: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html"""

from __future__ import annotations

import re
from functools import cache

from benchmarks.cloud.http import NOT_FOUND, Answer, answer

ROOT = 'xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"'
REQUEST = "<requestId>8f7724cf-496f-496e-8fe3-example</requestId>"
PROLOGUE = '<?xml version="1.0" encoding="UTF-8"?>\n'


def node_id(number: int) -> str:
    return f"i-{number:017x}"


BRIEF = """
  <item>
   <reservationId>r-{number:017x}</reservationId>
   <ownerId>123456789012</ownerId>
   <groupSet/>
   <instancesSet>
    <item>
     <instanceId>{id}</instanceId>
     <imageId>ami-0abcdef1234567890</imageId>
     <instanceState><code>{code}</code><name>{state}</name></instanceState>
     <privateDnsName>ip-10-9-{high}-{low}.ec2.internal</privateDnsName>
     <dnsName/>
     <reason/>
     <keyName>quay</keyName>
     <amiLaunchIndex>0</amiLaunchIndex>
     <productCodes/>
     <instanceType>m7g.large</instanceType>
     <launchTime>2026-03-01T21:14:09.000Z</launchTime>
     <placement><availabilityZone>eu-west-1b</availabilityZone><groupName/><tenancy>default</tenancy></placement>
     <monitoring><state>disabled</state></monitoring>
     <privateIpAddress>10.9.{high}.{low}</privateIpAddress>
     <ipAddress>198.51.{high}.{low}</ipAddress>
     <architecture>arm64</architecture>
     <rootDeviceType>ebs</rootDeviceType>
     <blockDeviceMapping/>
     <tagSet><item><key>Name</key><value>web-{number:05}</value></item></tagSet>
     <ebsOptimized>true</ebsOptimized>
    </item>
   </instancesSet>
  </item>"""

FULL = """
  <item>
   <reservationId>r-{number:017x}</reservationId>
   <ownerId>123456789012</ownerId>
   <groupSet/>
   <instancesSet>
    <item>
     <instanceId>{id}</instanceId>
     <imageId>ami-0abcdef1234567890</imageId>
     <instanceState>
      <code>{code}</code>
      <name>{state}</name>
     </instanceState>
     <privateDnsName>ip-10-9-{high}-{low}.eu-west-1.compute.internal</privateDnsName>
     <dnsName>ec2-198-51-{high}-{low}.eu-west-1.compute.amazonaws.com</dnsName>
     <reason/>
     <keyName>quay</keyName>
     <amiLaunchIndex>0</amiLaunchIndex>
     <productCodes/>
     <instanceType>m7g.large</instanceType>
     <launchTime>2026-03-01T21:14:09.000Z</launchTime>
     <placement>
      <availabilityZone>eu-west-1b</availabilityZone>
      <groupName/>
      <tenancy>default</tenancy>
     </placement>
     <monitoring>
      <state>disabled</state>
     </monitoring>
     <subnetId>subnet-0abcdef1234567890</subnetId>
     <vpcId>vpc-0abcdef1234567890</vpcId>
     <privateIpAddress>10.9.{high}.{low}</privateIpAddress>
     <ipAddress>198.51.{high}.{low}</ipAddress>
     <sourceDestCheck>true</sourceDestCheck>
     <groupSet>
      <item>
       <groupId>sg-0abcdef1234567890</groupId>
       <groupName>web</groupName>
      </item>
     </groupSet>
     <architecture>arm64</architecture>
     <rootDeviceType>ebs</rootDeviceType>
     <rootDeviceName>/dev/xvda</rootDeviceName>
     <blockDeviceMapping>
      <item>
       <deviceName>/dev/xvda</deviceName>
       <ebs>
        <volumeId>vol-{number:017x}</volumeId>
        <status>attached</status>
        <attachTime>2026-02-28T08:00:01.000Z</attachTime>
        <deleteOnTermination>true</deleteOnTermination>
       </ebs>
      </item>
     </blockDeviceMapping>
     <virtualizationType>hvm</virtualizationType>
     <clientToken>9f1c{number:08x}</clientToken>
     <tagSet>
      <item>
       <key>Name</key>
       <value>web-{number:05}</value>
      </item>
      <item>
       <key>stage</key>
       <value>production</value>
      </item>
     </tagSet>
     <hypervisor>xen</hypervisor>
     <networkInterfaceSet>
      <item>
       <networkInterfaceId>eni-{number:017x}</networkInterfaceId>
       <subnetId>subnet-0abcdef1234567890</subnetId>
       <vpcId>vpc-0abcdef1234567890</vpcId>
       <status>in-use</status>
       <macAddress>02:00:00:00:{high:02x}:{low:02x}</macAddress>
       <privateIpAddress>10.9.{high}.{low}</privateIpAddress>
       <attachment>
        <attachmentId>eni-attach-{number:017x}</attachmentId>
        <deviceIndex>0</deviceIndex>
        <status>attached</status>
        <attachTime>2026-02-28T08:00:00.000Z</attachTime>
        <deleteOnTermination>true</deleteOnTermination>
       </attachment>
       <association>
        <publicIp>198.51.{high}.{low}</publicIp>
        <ipOwnerId>amazon</ipOwnerId>
       </association>
       <ipv6AddressesSet/>
      </item>
     </networkInterfaceSet>
     <ebsOptimized>true</ebsOptimized>
     <enaSupport>true</enaSupport>
     <cpuOptions>
      <coreCount>2</coreCount>
      <threadsPerCore>1</threadsPerCore>
     </cpuOptions>
     <metadataOptions>
      <state>applied</state>
      <httpTokens>required</httpTokens>
      <httpPutResponseHopLimit>2</httpPutResponseHopLimit>
      <httpEndpoint>enabled</httpEndpoint>
     </metadataOptions>
     <platformDetails>Linux/UNIX</platformDetails>
     <usageOperation>RunInstances</usageOperation>
    </item>
   </instancesSet>
  </item>"""


def reservation(number: int, full: bool) -> str:
    """A reservation with its one instance: some 1.1 KB of it, or 3.4 KB with what else there is in most of them."""
    high, low = divmod(number, 250)
    stopped = number % 7 == 3
    return (FULL if full else BRIEF).format(
        id=node_id(number),
        number=number,
        high=high,
        low=1 + low,
        code=80 if stopped else 16,
        state="stopped" if stopped else "running",
    )


def answers(nodes: int, full: bool) -> Answer:
    """Instances in pages of the size that is asked for, or all in one answer, as whoever asks for no size gets them."""
    reservations = [reservation(number, full).encode() for number in range(nodes)]

    @cache
    def page(begin: int, size: int) -> bytes:
        end = begin + size
        token = f"<nextToken>{end}</nextToken>" if end < nodes else ""
        opening = f"{PROLOGUE}<DescribeInstancesResponse {ROOT}>\n    {REQUEST}\n    <reservationSet>"
        closing = f"\n    </reservationSet>{token}\n</DescribeInstancesResponse>"
        return answer(opening.encode() + b"".join(reservations[begin:end]) + closing.encode(), "text/xml;charset=UTF-8")

    addresses = f"{PROLOGUE}<DescribeAddressesResponse {ROOT}>{REQUEST}<addressesSet/></DescribeAddressesResponse>"
    no_addresses = answer(addresses.encode(), "text/xml;charset=UTF-8")

    def said(target: str, body: str) -> bytes:
        asked = target + "&" + body
        if "Action=DescribeAddresses" in asked:
            return no_addresses
        if "Action=DescribeInstances" not in asked:
            return NOT_FOUND
        return page(_number("NextToken", asked, 0), _number("MaxResults", asked, nodes))

    return said


def _number(name: str, asked: str, otherwise: int) -> int:
    found = re.search(rf"\b{name}=(\d+)", asked)
    return int(found[1]) if found else otherwise
