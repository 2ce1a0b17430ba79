// Captured graphs: how many operations a launch of each puts on the GPU.
#include "fake.h"

namespace fake {

std::shared_ptr<Capture> end_capture(cudaStream_t stream);
// Whether the stream on which a capture began waits for all that was captured beside it.
bool joined(const Capture& capture, cudaStream_t origin);

struct Graph {
  Nodes nodes;
  long longest;  // chain of nodes that wait for each other

  long size() const {
    long sum = 0;
    for (const auto& [name, times] : nodes) sum += times;
    return sum;
  }
};

static Graph* graph_of(cudaGraph_t handle) { return reinterpret_cast<Graph*>(handle); }

static cudaError_t instantiate(cudaGraphExec_t* executable, cudaGraph_t graph) {
  *executable = reinterpret_cast<cudaGraphExec_t>(new Graph(*graph_of(graph)));
  return cudaSuccess;
}

// Torch asks for a graph while it is captured only to tell one from another.
static cudaError_t capture_info(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long* id,
                                cudaGraph_t* graph, const cudaGraphNode_t** waits_for, size_t* n) {
  Locked lock(everything);
  const auto capture = capture_of(stream);
  *status = capture ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  if (capture) {
    if (id) *id = capture->id;
    if (graph) *graph = reinterpret_cast<cudaGraph_t>(capture.get());
    if (waits_for) *waits_for = nullptr;
    if (n) *n = 0;
  }
  return cudaSuccess;
}

}  // namespace fake

EXPORT cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  fake::Locked lock(fake::everything);
  *graph = nullptr;
  const auto capture = fake::end_capture(stream);
  if (!capture) return fake::fail(cudaErrorIllegalState);
  if (capture->broken) return fake::fail(cudaErrorStreamCaptureInvalidated);
  if (!fake::joined(*capture, stream)) return fake::fail(cudaErrorStreamCaptureUnjoined);
  fake::count("graph", "captured");
  *graph = reinterpret_cast<cudaGraph_t>(new fake::Graph{capture->nodes, capture->longest});
  return cudaSuccess;
}

EXPORT cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return fake::capture_info(stream, status, nullptr, nullptr, nullptr, nullptr);
}

EXPORT cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status,
                                            unsigned long long* id, cudaGraph_t* graph,
                                            const cudaGraphNode_t** waits_for, const cudaGraphEdgeData** edges,
                                            size_t* n) {
  if (edges) *edges = nullptr;
  return fake::capture_info(stream, status, id, graph, waits_for, n);
}

EXPORT cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  return fake::instantiate(executable, graph);
}

EXPORT cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  return fake::instantiate(executable, graph);
}

EXPORT cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  fake::Locked lock(fake::everything);
  fake::forget_contents();
  const auto* graph = reinterpret_cast<fake::Graph*>(executable);
  fake::count("node", "all", graph->size());
  fake::count("chain", "longest", graph->longest);
  return fake::enqueue("graph", "launched", stream);
}

EXPORT cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* n) {
  if (!nodes) *n = size_t(fake::graph_of(graph)->size());
  for (size_t i = 0; nodes && i < *n; i++) nodes[i] = reinterpret_cast<cudaGraphNode_t>(i + 1);
  return cudaSuccess;
}

EXPORT cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete fake::graph_of(graph);
  return cudaSuccess;
}

EXPORT cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete reinterpret_cast<fake::Graph*>(executable);
  return cudaSuccess;
}
