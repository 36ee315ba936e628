// What commands print for people: columns, and colours where a terminal looks. Every text from the server or
// a feed passes printable() here, so commands cannot forget it.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace cenote {

enum class Colour : uint8_t { kNone, kRed, kGreen, kYellow, kFaint, kBold };

struct Cell {
  Cell(std::string_view content,
       Colour with = Colour::kNone);  // NOLINT(google-explicit-constructor): a text is a cell
  Cell(const char* content)
      : Cell(std::string_view(content)) {}  // NOLINT(google-explicit-constructor): a text is a cell
  Cell(const std::string& content)
      : Cell(std::string_view(content)) {}  // NOLINT(google-explicit-constructor): a text is a cell
  static Cell number(uint64_t value);

  std::string text;
  Colour colour = Colour::kNone;
  bool is_right = false;  // numbers
};

class Output {
 public:
  Output(std::ostream& out, std::ostream& err, bool has_colours)
      : out_(out), err_(err), has_colours_(has_colours) {}

  void line(const std::vector<Cell>& cells);  // side by side, a blank between
  // Columns two blanks apart; the last one is not padded. `heads` stay in view when there are no rows.
  void table(const std::vector<std::string>& heads, const std::vector<std::vector<Cell>>& rows);
  void raw(std::string_view text);    // as it is: JSON, lists
  void error(std::string_view text);  // "cenote: ..." on standard error
  // How far something long has come, on standard error: a bar on a terminal, a line at each quarter
  // otherwise.
  void progress(std::string_view what, uint64_t done, uint64_t of);
  void flush();

  [[nodiscard]] std::string painted(std::string_view text, Colour colour) const;

 private:
  std::ostream& out_;
  std::ostream& err_;
  bool has_colours_;
  uint64_t shown_ = 0;  // of progress(): the last hundredth or quarter, and one
};

// Characters on a terminal; East Asian wide ones take two (UAX #11, by its large blocks).
size_t display_width(std::string_view text) noexcept;

Colour colour_of_action(std::string_view action);

}  // namespace cenote
