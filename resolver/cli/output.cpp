#include "resolver/cli/output.h"

#include <algorithm>
#include <ostream>

#include "resolver/base/text.h"

namespace cenote {
namespace {

bool is_wide(uint32_t code) noexcept {
  return (code >= 0x1100 && code <= 0x115F) || (code >= 0x2E80 && code <= 0xA4CF) ||
         (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0xF900 && code <= 0xFAFF) ||
         (code >= 0xFE30 && code <= 0xFE6F) || (code >= 0xFF00 && code <= 0xFF60) ||
         (code >= 0xFFE0 && code <= 0xFFE6) || (code >= 0x1F300 && code <= 0x1FAFF) ||
         (code >= 0x20000 && code <= 0x3FFFD);
}

}  // namespace

Cell::Cell(std::string_view content, Colour with) : text(printable(content)), colour(with) {}

Cell Cell::number(uint64_t value) {
  Cell cell(std::to_string(value));
  cell.is_right = true;
  return cell;
}

size_t display_width(std::string_view text) noexcept {
  size_t width = 0;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (size_t j = 1; j < length && i + j < text.size(); ++j) {
      code = (code << 6) | (static_cast<uint8_t>(text[i + j]) & 0x3FU);
    }
    width += is_wide(code) ? 2U : 1U;
    i += length;
  }
  return width;
}

std::string Output::painted(std::string_view text, Colour colour) const {
  if (!has_colours_ || colour == Colour::kNone) {
    return std::string(text);
  }
  const char* code = "";
  switch (colour) {
    case Colour::kRed:
      code = "31";
      break;
    case Colour::kGreen:
      code = "32";
      break;
    case Colour::kYellow:
      code = "33";
      break;
    case Colour::kFaint:
      code = "2";
      break;
    case Colour::kBold:
      code = "1";
      break;
    case Colour::kNone:
      break;
  }
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

void Output::line(const std::vector<Cell>& cells) {
  bool is_first = true;
  for (const Cell& cell : cells) {
    out_ << (is_first ? "" : " ") << painted(cell.text, cell.colour);
    is_first = false;
  }
  out_ << '\n';
}

void Output::table(const std::vector<std::string>& heads, const std::vector<std::vector<Cell>>& rows) {
  std::vector<size_t> widths;
  for (const std::string& head : heads) {
    widths.push_back(head.size());
  }
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(row[i].text));
    }
  }
  const auto print = [&](const std::vector<Cell>& row, bool is_head) {
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - display_width(row[i].text), ' ');
      const bool is_right = is_head ? !rows.empty() && rows[0][i].is_right : row[i].is_right;
      const bool is_last = i + 1 == row.size();
      out_ << (i == 0 ? "" : "  ") << (is_right ? padding : "") << painted(row[i].text, row[i].colour)
           << (is_right || is_last ? "" : padding);
    }
    out_ << '\n';
  };
  std::vector<Cell> head_cells;
  for (const std::string& head : heads) {
    head_cells.emplace_back(head, Colour::kFaint);
  }
  print(head_cells, true);
  for (const auto& row : rows) {
    print(row, false);
  }
}

void Output::progress(std::string_view what, uint64_t done, uint64_t of) {
  constexpr uint64_t kWidth = 40;
  const uint64_t percent = of == 0 ? 100 : std::min(done, of) * 100 / of;
  const uint64_t step = (has_colours_ ? percent : percent / 25) + 1;
  if (step == shown_) {
    return;
  }
  shown_ = step;
  if (!has_colours_) {
    err_ << fmt::format("{}: {} %\n", what, percent);
    return;
  }
  const std::string bar(percent * kWidth / 100, '#');
  err_ << fmt::format("\r{}: [{:<{}}] {:>3} %{}", what, bar, kWidth, percent, percent == 100 ? "\n" : "");
  err_.flush();
}

void Output::raw(std::string_view text) {
  out_ << text;
}

void Output::error(std::string_view text) {
  out_.flush();
  err_ << "cenote: " << printable(text, 4000) << '\n';
}

void Output::flush() {
  out_.flush();
}

Colour colour_of_action(std::string_view action) {
  if (action == "monitor") {
    return Colour::kYellow;
  }
  return action == "pass" || action == "allow" ? Colour::kGreen : Colour::kRed;
}

}  // namespace cenote
