#include "resolver/control/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace cenote {

class MetricsPage::Families {
 public:
  prometheus::ClientMetric& add(const std::string& name, const std::string& help, prometheus::MetricType type,
                                const Labels& labels) {
    const auto [at, is_new] = positions_.emplace(name, all_.size());
    if (is_new) {
      all_.push_back({name, help, type, {}});
    }
    prometheus::ClientMetric metric;
    for (const auto& [label, value] : labels) {
      metric.label.push_back({label, value});
    }
    auto& metrics = all_[at->second].metric;
    metrics.push_back(std::move(metric));
    return metrics.back();
  }

  [[nodiscard]] const std::vector<prometheus::MetricFamily>& all() const { return all_; }

 private:
  std::vector<prometheus::MetricFamily> all_;
  std::map<std::string, size_t> positions_;
};

MetricsPage::MetricsPage() : families_(std::make_unique<Families>()) {}
MetricsPage::~MetricsPage() = default;

void MetricsPage::counter(const std::string& name, const std::string& help, double value,
                          const Labels& labels) {
  families_->add(name, help, prometheus::MetricType::Counter, labels).counter.value = value;
}

void MetricsPage::gauge(const std::string& name, const std::string& help, double value,
                        const Labels& labels) {
  families_->add(name, help, prometheus::MetricType::Gauge, labels).gauge.value = value;
}

std::string MetricsPage::text() const {
  return prometheus::TextSerializer().Serialize(families_->all());
}

}  // namespace cenote
