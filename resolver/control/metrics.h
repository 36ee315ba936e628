// One scrape's worth of numbers in Prometheus' text format. Counters live with their owners (one writer each)
// and are only gathered here, so that counting costs nothing extra.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cenote {

class MetricsPage {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;

  MetricsPage();
  ~MetricsPage();
  MetricsPage(const MetricsPage&) = delete;
  MetricsPage& operator=(const MetricsPage&) = delete;

  // Values of one name belong together whatever order they come in; the first help text counts. A label's
  // values must be few: never a client, never a queried name.
  void counter(const std::string& name, const std::string& help, double value, const Labels& labels = {});
  void gauge(const std::string& name, const std::string& help, double value, const Labels& labels = {});

  [[nodiscard]] std::string text() const;
  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  class Families;
  std::unique_ptr<Families> families_;
};

}  // namespace cenote
