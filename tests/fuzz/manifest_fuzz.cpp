// Any bytes as a manifest, sealed or not: what is read is what would be written, and read again the same.
#include "ioc/sealed_text.h"
#include "ioc/small_change.h"
#include "ioc/store_json.h"

namespace {

void check(bool holds) {
  if (!holds) {
    __builtin_trap();
  }
}

void look_at_manifest(std::string_view text) {
  const auto manifest = cenote::read_manifest(text);
  if (!manifest) {
    check(!manifest.error().message.empty());
    return;
  }
  check(!manifest->generations.empty());
  const std::string written = cenote::write_manifest(manifest->generations);
  const auto again = cenote::read_manifest(written);
  check(again && cenote::write_manifest(again->generations) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace cenote;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  look_at_manifest(text);
  if (text.starts_with('{')) {
    const auto object = unseal(seal(text));
    check(object && *object == text);
    look_at_manifest(seal(text));  // few inputs have a right checksum
  }
  if (text.ends_with('}')) {
    const auto line = unseal_line(seal_line(text));
    check(line && *line == text);
  }
  (void)unseal_line(text);
  read_rejects(text);
  return 0;
}
