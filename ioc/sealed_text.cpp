#include "ioc/sealed_text.h"

#include <xxhash.h>

namespace cenote {
namespace {

constexpr std::string_view kBegin = "{\n \"checksum\": \"";
constexpr std::string_view kEnd = "\",";
constexpr std::string_view kLineBegin = ",\"checksum\":\"";
constexpr std::string_view kLineEnd = "\"}";
constexpr size_t kDigits = 16;

std::string checksum_of(std::string_view text) {
  return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
}

Error wrong_checksum() {
  return fail("damaged: the checksum does not match");
}

}  // namespace

std::string seal(std::string_view object) {
  std::string text(kBegin);
  text += checksum_of(object);
  text += kEnd;
  text += object.substr(1);
  return text;
}

Result<std::string> unseal(std::string_view text) {
  if (!text.starts_with(kBegin) || text.size() < kBegin.size() + kDigits + kEnd.size() ||
      text.substr(kBegin.size() + kDigits, kEnd.size()) != kEnd) {
    return std::string(text);
  }
  std::string object = "{";
  object += text.substr(kBegin.size() + kDigits + kEnd.size());
  return checksum_of(object) == text.substr(kBegin.size(), kDigits) ? Result<std::string>(std::move(object))
                                                                    : wrong_checksum();
}

std::string seal_line(std::string_view object) {
  std::string line(object.substr(0, object.size() - 1));
  line += kLineBegin;
  line += checksum_of(object);
  line += kLineEnd;
  return line;
}

Result<std::string> unseal_line(std::string_view line) {
  constexpr size_t kSize = kLineBegin.size() + kDigits + kLineEnd.size();
  if (line.size() < kSize || !line.ends_with(kLineEnd) ||
      line.substr(line.size() - kSize, kLineBegin.size()) != kLineBegin) {
    return std::string(line);
  }
  std::string object(line.substr(0, line.size() - kSize));
  object += '}';
  return checksum_of(object) == line.substr(line.size() - kDigits - kLineEnd.size(), kDigits)
             ? Result<std::string>(std::move(object))
             : wrong_checksum();
}

}  // namespace cenote
