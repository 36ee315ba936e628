// Names, addresses and URLs as feeds spell them: what comes out is canonical, and canonical text stays as it
// is.
#include <cstdlib>

#include "ioc/normalise.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text = cenote::trim_blanks(cenote::as_text({bytes, size}));
  cenote::HostName host;
  cenote::HostName again;
  if (canonical_name(text, host) == cenote::Reason::kNone &&
      (canonical_name(host.view(), again) != cenote::Reason::kNone || again.view() != host.view() ||
       !(again.name == host.name) || host.name.to_text() != host.view())) {
    std::abort();
  }
  cenote::Prefix block;
  cenote::Prefix same;
  if (canonical_address(text, block) == cenote::Reason::kNone &&
      (canonical_address(block.to_text(), same) != cenote::Reason::kNone || !(same == block))) {
    std::abort();
  }
  std::string plain;
  if (cenote::refang(text, plain) && plain.size() > text.size()) {
    std::abort();
  }
  cenote::split_url(text);
  return 0;
}
