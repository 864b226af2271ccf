/**
 * skein: the package's face. What who embeds the runtime, follows a thread, or writes a store or an agent
 * needs; the harness that tests a store is `skein/testing`. Every name here has its docstring where it is
 * made. Nothing that isn't named here is promised to stay.
 */
// The runtime: openRuntime, and what it hands out.
export {
  openRuntime,
  openStateDb,
  openStateDbReadOnly,
  readStateDbReport,
  rebuildStateDb,
  verifyProjections,
} from "./runtime/index.ts";
export type {
  Runtime,
  RuntimeFeed,
  RuntimeOptions,
  RuntimeThread,
  ThreadFeed,
  ThreadFeedOptions,
} from "./runtime/index.ts";

// Threads that are loaded, and agents.
export { echoAgent, responsesAgent, scriptedAgent } from "./actors/index.ts";
export type {
  Agent,
  AgentEvent,
  AgentRequest,
  AgentScript,
  AgentTask,
  EchoAgentOptions,
  ForkThreadParams,
  FunctionTool,
  LiveThreadState,
  RecordedRequest,
  ResponsesAgentOptions,
  ResumeOptions,
  ReviewOptions,
  ReviewTarget,
  ScriptedAgent,
  ScriptedTurn,
  ScriptStep,
  ShutdownOptions,
  ShutdownReport,
  Signal,
  StartedReview,
  StartedTurn,
  StartThreadParams,
  SteeredInput,
  ThreadHandle,
  ThreadManager,
  ThreadSnapshot,
  TurnOptions,
  TurnSettings,
  UnfinishedCall,
} from "./actors/index.ts";

// Feeds.
export type {
  EventFeed,
  FeedEvent,
  FeedIterator,
  FeedStats,
  LifecycleEvent,
  RuntimeEvent,
  RuntimeFeedEvent,
  RuntimeFeedOptions,
} from "./streams/index.ts";

// The state DB: rows folded from the logs of a home.
export type {
  FillReport,
  FoldProgress,
  LeaseHolder,
  ProjectionOutcome,
  ProjectionVerdict,
  RebuildOptions,
  RebuildReport,
  ReportedLag,
  ReportedOwner,
  ReportedSet,
  SetAside,
  StateDb,
  StateDbOpening,
  StateDbOptions,
  StateDbReport,
  SyncReport,
  VerifyProjectionsOptions,
  VerifyProjectionsProgress,
} from "./projections/index.ts";

// Stores: the port and its adapters.
export { nodeFileSystem, openLocalThreadStore, repairHome, verifyHome } from "./store/local/index.ts";
export type {
  DirectoryEntry,
  FileStat,
  FileSystem,
  FindingCode,
  FindingSeverity,
  HomeFinding,
  LocalThreadStore,
  LocalThreadStoreOptions,
  OpenMode,
  RepairAction,
  RepairHomeOptions,
  VerifyHomeOptions,
  VerifyProgress,
} from "./store/local/index.ts";
export { createMemoryThreadStore } from "./store/memory/index.ts";
export type {
  MemoryThreadStore,
  MemoryThreadStoreOptions,
  StoreCall,
  StoreCallOutcome,
  StoreMethod,
} from "./store/memory/index.ts";
export { toThread } from "./store/index.ts";
export type {
  AnswerScope,
  AppendItemsParams,
  AppendResult,
  CreateThreadParams,
  Durability,
  ForkPoint,
  GitFields,
  GitPatch,
  HistoryPage,
  ListItemsParams,
  ListItemsResult,
  ListThreadsParams,
  ListThreadsResult,
  ListTurnsParams,
  ListTurnsResult,
  LoadHistoryParams,
  NewThreadMetadata,
  OpenedThread,
  ReadThreadParams,
  ResumeThreadParams,
  SearchThreadsParams,
  SearchThreadsResult,
  SortDirection,
  SortKey,
  StoredThread,
  StoreEvent,
  ThreadMetadataPatch,
  ThreadStore,
  ThreadStoreCapabilities,
  ThreadWriter,
  UpdateThreadMetadataParams,
} from "./store/index.ts";

// Events: records, their codec, and the folds.
export {
  decodeLine,
  encodeLine,
  foldRecords,
  isPersisted,
  lineageFold,
  modelContextFold,
  modelContextOf,
  PERSISTENCE_POLICY,
  threadMetadataFold,
  tokenUsageFold,
  tokenUsageOf,
  turnsFold,
  turnsOf,
} from "./events/index.ts";
export type {
  AppendableItem,
  Compacted,
  EventMsg,
  Fold,
  FoldNeeds,
  GitInfo,
  ItemsView,
  Json,
  JsonObject,
  Lineage,
  MemoryMode,
  PersistenceRule,
  RecordMarks,
  ResponseItem,
  RolloutItem,
  RolloutRecord,
  SessionMeta,
  SessionSource,
  Thread,
  ThreadItem,
  ThreadMetadata,
  ThreadStatus,
  ThreadTokenUsage,
  TokenUsage,
  TokenUsageInfo,
  Turn,
  TurnContext,
  TurnError,
  TurnStatus,
  UserInput,
} from "./events/index.ts";

// Errors, time, ids, logging.
export {
  createIdSource,
  createPinoLogger,
  fault,
  isSkeinError,
  LIMITS,
  rejection,
  silentLogger,
  SkeinError,
  SKEIN_VERSION,
  systemClock,
} from "./base/index.ts";
export type {
  Clock,
  ErrorCode,
  ErrorData,
  FaultCode,
  FillRandom,
  IdSource,
  Logger,
  LogLevel,
  PinoLoggerOptions,
  RejectionCode,
  SkeinErrorOptions,
  Timer,
  TimerOptions,
} from "./base/index.ts";
