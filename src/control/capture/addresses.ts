/** IP addresses as the octets that stand in headers of packets. */
import { isIP } from "node:net";
import { parseIpv6 } from "../../ip.ts";

/** Four octets, or sixteen for IPv6; four zeros for what is no IP address. */
export function addressOctets(host: string): Uint8Array {
  switch (isIP(host)) {
    case 4:
      return Uint8Array.from(host.split("."), Number);
    case 6:
      return Uint8Array.from((parseIpv6(host.replace(/%.*/, "")) ?? []).flatMap((group) => [group >> 8, group & 0xff]));
    default:
      return new Uint8Array(4);
  }
}
