// What was asked of the GPU since the last reset, as a test reads it by ctypes.
#include <cstdio>
#include <utility>

#include "fake.h"

namespace fake {

std::recursive_mutex everything;
static std::map<std::pair<std::string, std::string>, long> counts;

void count(const char* kind, const std::string& name, long times) {
  Locked lock(everything);
  counts[{kind, name}] += times;
}

}  // namespace fake

EXPORT void fake_gpu_reset() {
  fake::Locked lock(fake::everything);
  fake::counts.clear();
}

// A line for each: kind, name and number with tabs between them. The text is valid until the next call.
EXPORT const char* fake_gpu_counts() {
  static std::string text;
  fake::Locked lock(fake::everything);
  text.clear();
  for (const auto& [what, times] : fake::counts)
    text += what.first + "\t" + what.second + "\t" + std::to_string(times) + "\n";
  return text.c_str();
}
