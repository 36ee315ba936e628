#include <algorithm>
#include <utility>

#include "ioc/formats/format.h"

namespace cenote {
namespace {

Reason find_control(std::string_view line) noexcept {
  for (const char c : line) {
    const auto byte = static_cast<uint8_t>(c);
    if ((byte < 0x20 && byte != '\t') || byte == 0x7F) {
      return byte == 0 ? Reason::kNulByte : Reason::kControlChar;
    }
  }
  return Reason::kNone;
}

}  // namespace

Result<void> LineFormat::feed(std::string_view bytes) {
  while (true) {
    const size_t end = bytes.find('\n');
    if (end == std::string_view::npos) {
      break;
    }
    const std::string_view rest = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    if (partial_.empty()) {
      take(rest);
    } else {
      partial_ += rest.substr(0, most_ + 2);  // enough to see that it is too long
      take(std::exchange(partial_, {}));
    }
  }
  const size_t room = most_ + 2 - std::min(partial_.size(), most_ + 2);
  partial_ += bytes.substr(0, room);
  return {};
}

Result<void> LineFormat::finish() {
  if (!partial_.empty()) {
    take(std::exchange(partial_, {}));
  }
  read_end();
  return {};
}

void LineFormat::take(std::string_view line) {
  ++intake_.line;
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  if (line.size() > most_) {
    intake_.reject(line.substr(0, most_), Reason::kLineTooLong);
    return;
  }
  const Reason reason = tolerant_ ? Reason::kNone : find_control(line);
  if (reason != Reason::kNone) {
    intake_.reject(line, reason);
    return;
  }
  read_line(line);
}

bool is_comment(std::string_view line, std::string_view marks) noexcept {
  const size_t first = line.find_first_not_of(" \t");
  return first == std::string_view::npos || marks.find(line[first]) != std::string_view::npos;
}

std::string_view without_comment(std::string_view line) noexcept {
  for (size_t at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1)) {
    const bool behind_blank = at > 0 && (line[at - 1] == ' ' || line[at - 1] == '\t');
    // In a URL "#" begins the fragment.
    if (behind_blank || line.substr(0, at).find('/') == std::string_view::npos) {
      return line.substr(0, at);
    }
  }
  return line;
}

std::string_view next_word(std::string_view& line) noexcept {
  const size_t first = std::min(line.find_first_not_of(" \t"), line.size());
  line.remove_prefix(first);
  const size_t end = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

}  // namespace cenote
