/** Which header fields a handler may set: all but those by which SIP works, or that say who proved to be whom. */

const reserved = new Set([
  ..."accept accept-encoding accept-language allow allow-events authentication-info authorization call-id contact".split(
    " ",
  ),
  ..."content-disposition content-encoding content-language content-length content-type cseq date event expires from".split(
    " ",
  ),
  ..."max-forwards mime-version min-expires min-se path proxy-authenticate proxy-authorization proxy-require".split(
    " ",
  ),
  ..."rack record-route refer-sub refer-to referred-by replaces require retry-after route rseq server service-route".split(
    " ",
  ),
  ..."session-expires subscription-state supported target-dialog timestamp to unsupported user-agent via".split(" "),
  ..."warning www-authenticate".split(" "),
  // Their compact forms.
  ..."a b c d e f i j k l m n o r t u v x y".split(" "),
]);

/** A token, at most 64 characters long, that names no field of SIP's own. */
export function isOpenHeader(name: string): boolean {
  return /^[\w.!%*+`'~-]{1,64}$/.test(name) && !reserved.has(name.toLowerCase());
}

/** One line of at most 1024 characters. */
export function isHeaderValue(value: string): boolean {
  return value.length > 0 && value.length <= 1024 && !/[\x00-\x08\x0a-\x1f\x7f\u2028\u2029]/.test(value);
}
