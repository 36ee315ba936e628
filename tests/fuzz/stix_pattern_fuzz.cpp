// Patterns of any shape: read or refused, never with terms and a reason at once that says there are none.
#include <cstdlib>

#include "ioc/formats/stix_pattern.h"
#include "resolver/base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::vector<cenote::StixTerm> terms;
  const cenote::Reason reason = read_stix_pattern(cenote::as_text({bytes, size}), terms);
  const bool read = reason == cenote::Reason::kNone;
  const bool nothing = reason == cenote::Reason::kNoNetworkIoc;
  if ((read && terms.empty()) || (nothing && !terms.empty())) {
    std::abort();
  }
  return 0;
}
