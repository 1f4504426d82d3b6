// The words of the page, in English and Chinese. The page's own text is English; `speak` puts the language in.
const WORDS = {
  skip: ["Skip to the content", "跳到内容"],
  sections: ["Sections", "栏目"],
  memories: ["Memories", "记忆"],
  playground: ["Playground", "试用"],
  overview: ["Overview", "概览"],
  signIn: ["Sign in", "登录"],
  signOut: ["Sign out", "退出"],
  signInHelp: ["Give the token or key that you were handed. It stays in this tab and is gone when you close it.", "请输入您的令牌或密钥。它只保存在此标签页中，关闭后即消失。"],
  token: ["Token or key", "令牌或密钥"],
  search: ["Search", "搜索"],
  filters: ["Filters", "筛选"],
  noFilters: ["Remove filters", "清除筛选"],
  any: ["any", "不限"],
  scope: ["Scope", "范围"],
  scope_user: ["user", "用户"],
  scope_agent: ["agent", "智能体"],
  scope_session: ["session", "会话"],
  kind: ["Kind", "类型"],
  kind_fact: ["fact", "事实"],
  kind_excerpt: ["excerpt", "原话"],
  kind_note: ["note", "笔记"],
  whose: ["Whose memories", "谁的记忆"],
  ofUser: ["a user's", "用户的"],
  ofAgent: ["an agent's", "智能体的"],
  id: ["Id", "编号"],
  show: ["Show", "显示"],
  user: ["User", "用户"],
  agent: ["Agent", "智能体"],
  withAgent: ["Said with agent", "与哪个智能体"],
  session: ["Session", "会话"],
  topic: ["Topic", "主题"],
  since: ["From", "从"],
  until: ["To", "到"],
  add: ["Add a memory", "添加记忆"],
  text: ["Text", "内容"],
  save: ["Save", "保存"],
  added: ["Added.", "已添加。"],
  clearAll: ["Clear all", "全部清除"],
  clearHelp: ["This removes all memories of {0} for good, and what is still to be learned from conversations. To confirm, type {0}.", "这将永久删除 {0} 的所有记忆，以及尚未学习的对话。请输入 {0} 以确认。"],
  clearSessionHelp: ["This removes all memories of the session {0} for good. To confirm, type {0}.", "这将永久删除会话 {0} 的所有记忆。请输入 {0} 以确认。"],
  confirm: ["Confirmation", "确认"],
  cleared: ["{0} memories were removed.", "已删除 {0} 条记忆。"],
  pending: ["{0} memories were removed so far. The rest is no longer shown and will be removed soon.", "目前已删除 {0} 条记忆。其余已不再显示，稍后删除。"],
  more: ["More", "更多"],
  shown: ["{0} shown", "显示 {0} 条"],
  none: ["Nothing is remembered here.", "这里没有记忆。"],
  noneFound: ["Nothing was found.", "没有找到。"],
  nobody: ["Say whose memories.", "请指定是谁的记忆。"],
  said: ["Said", "说于"],
  stored: ["Stored", "存于"],
  role: ["Said by", "说话人"],
  language: ["Language", "语言"],
  importance: ["Importance", "重要性"],
  relevance: ["Relevance", "相关度"],
  event: ["Conversation", "对话"],
  turn: ["Turn", "第几句"],
  comesFrom: ["Where it comes from", "来源"],
  noSource: ["The words it was learned from are no longer held.", "原始对话已不再保留。"],
  byWhom: ["By", "由谁"],
  model: ["Model", "模型"],
  prompt: ["Prompt", "提示词版本"],
  batch: ["Batch", "批次"],
  byHand: ["It was written by hand.", "手工添加。"],
  related: ["Goes with", "相关记忆"],
  linked: ["linked", "关联"],
  similar: ["similar", "相似"],
  edit: ["Edit", "编辑"],
  corrected: ["Corrected.", "已更正。"],
  correctedAt: ["Corrected", "更正于"],
  versions: ["What it said before", "之前的内容"],
  remove: ["Delete", "删除"],
  removeHelp: ["Delete this memory for good?", "永久删除这条记忆？"],
  withSource: ["Also delete the words it was learned from", "同时删除其来源原话"],
  removed: ["Deleted.", "已删除。"],
  removing: ["It is no longer shown, and will be deleted soon.", "已不再显示，稍后删除。"],
  cancel: ["Cancel", "取消"],
  close: ["Close", "关闭"],
  playgroundHelp: ["Ask as an agent would, and see the block that goes into its prompt.", "像智能体一样提问，查看注入提示词的内容。"],
  question: ["Question", "问题"],
  limit: ["Memories at most", "最多记忆数"],
  budget: ["Tokens at most", "最多词元数"],
  ask: ["Ask", "提问"],
  answered: ["{0} memories in {1} ms", "{0} 条记忆，{1} 毫秒"],
  degraded: ["without {0}", "缺少 {0}"],
  empty: ["No memory goes into the prompt.", "没有记忆注入提示词。"],
  block: ["Injected block", "注入内容"],
  why: ["Why these", "为什么是这些"],
  rank: ["Rank", "名次"],
  memory: ["Memory", "记忆"],
  score: ["Score", "得分"],
  signals: ["Signals", "依据"],
  leftOut: ["Left out", "未采用"],
  days: ["Days", "天数"],
  users: ["Users", "用户"],
  activeUsers: ["Active in 30 days", "30 天内活跃"],
  activeDay: ["Active today", "今日活跃"],
  addedIn: ["Added", "新增"],
  deletedIn: ["Deleted", "删除"],
  searches: ["Searches", "检索"],
  successRate: ["Answered well", "检索成功率"],
  responseTime: ["Time of a search", "检索时间"],
  growth: ["Growth", "增长"],
  perDay: ["Memories added a day, from {0} to {1}; most on one day: {2}", "每日新增记忆，{0} 至 {1}；单日最多 {2} 条"],
  noDays: ["Nothing was added in this time.", "这段时间没有新增。"],
  wrongToken: ["The gateway does not accept this token.", "网关不接受此令牌。"],
  forbidden: ["This is not open to you.", "您无权查看。"],
  away: ["The gateway cannot be reached.", "无法连接网关。"],
  unavailable: ["Memories cannot be reached right now. Try again soon.", "记忆服务暂不可用，请稍后再试。"],
};

const KEPT = "afterword-language";
let column = 0;

/** The word in the page's language, with values put in. */
export const word = (name, ...values) =>
  (WORDS[name]?.[column] ?? name).replace(/\{(\d)\}/g, (_, place) => String(values[Number(place)]));

/** What an error says to a person. */
export function told(error) {
  if (error.status === 401) return word("wrongToken");
  if (error.status === 403) return word("forbidden");
  if (error.status === 503) return word("unavailable");
  if (error instanceof TypeError) return word("away");
  return error.field ? `${error.field}: ${error.message}` : error.message;
}

/** Put a language into the page: "en" or "zh". */
export function speak(language) {
  column = language === "zh" ? 1 : 0;
  document.documentElement.lang = language;
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = word(each.dataset.word);
  for (const each of document.querySelectorAll("[data-label]")) each.setAttribute("aria-label", word(each.dataset.label));
  localStorage.setItem(KEPT, language);
}

/** The language chosen before, else the browser's. */
export const preferred = () =>
  localStorage.getItem(KEPT) ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
