// A header is found however few of its bytes are there, and never reaches behind what there is.
#include <cstdlib>
#include <vector>

#include "resolver/net/proxy_header.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using cenote::ProxyStatus;
  cenote::ProxyHeader whole;
  const ProxyStatus status = cenote::parse_proxy_header({bytes, size}, whole);
  if (status == ProxyStatus::kOk && (whole.size > size || whole.size > cenote::kMostProxyHeader)) {
    std::abort();
  }
  const size_t most = std::min(size, cenote::kMostProxyHeader);
  for (size_t have = 0; have < most; ++have) {
    // A copy that ends where the piece ends, so that a sanitizer sees any step over it.
    const std::vector<uint8_t> piece(bytes, bytes + have);
    cenote::ProxyHeader header;
    const ProxyStatus said = cenote::parse_proxy_header(piece, header);
    const bool is_enough = status == ProxyStatus::kOk && have >= whole.size;
    if (is_enough != (said == ProxyStatus::kOk) || (status == ProxyStatus::kIncomplete && said != status) ||
        (is_enough && (header.size != whole.size || header.is_local != whole.is_local))) {
      std::abort();
    }
  }
  return 0;
}
