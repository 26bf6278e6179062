/* libsrtp2 at the same work as srtp.bench.ts: protects and unprotects packets of 160 octets, and prints µs of CPU for each. */
#include <srtp2/srtp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define ROUNDS 200000

static double user_time(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec * 1e6 + usage.ru_utime.tv_usec;
}

static void measure(const char *name, void (*set)(srtp_crypto_policy_t *)) {
  static unsigned char key[64], packet[300], saved[ROUNDS / 10][200];
  srtp_policy_t policy;
  srtp_t out, in;
  double protect = 0, unprotect = 0;
  memset(&policy, 0, sizeof policy);
  set(&policy.rtp);
  set(&policy.rtcp);
  policy.key = key;
  policy.window_size = 1024;
  policy.ssrc.type = ssrc_any_outbound;
  srtp_create(&out, &policy);
  policy.ssrc.type = ssrc_any_inbound;
  srtp_create(&in, &policy);
  for (int at = 0; at < ROUNDS;) {
    int lengths[ROUNDS / 10];
    double began = user_time();
    for (int i = 0; i < ROUNDS / 10; i++, at++) {
      memset(packet, 0, 172);
      packet[0] = 0x80;
      packet[2] = at >> 8;
      packet[3] = at;
      packet[11] = 7;
      lengths[i] = 172;
      srtp_protect(out, packet, &lengths[i]);
      memcpy(saved[i], packet, lengths[i]);
    }
    double middle = user_time();
    for (int i = 0; i < ROUNDS / 10; i++) srtp_unprotect(in, saved[i], &lengths[i]);
    protect += middle - began;
    unprotect += user_time() - middle;
  }
  printf("%s %f %f\n", name, protect / ROUNDS, unprotect / ROUNDS);
}

int main(void) {
  srtp_init();
  measure("AES_CM_128_HMAC_SHA1_80", srtp_crypto_policy_set_rtp_default);
  measure("AEAD_AES_128_GCM", srtp_crypto_policy_set_aes_gcm_128_16_auth);
  measure("AEAD_AES_256_GCM", srtp_crypto_policy_set_aes_gcm_256_16_auth);
  return 0;
}
