/* SPDX-License-Identifier: BSD-2-Clause */
/* One call of a kfunc, while it is checked: what the prototype in BTF, the row of the kfunc table and the arguments say. */
#ifndef SKEP_VERIFY_KCALL_H
#define SKEP_VERIFY_KCALL_H

#include "helper/kfunc.h"
#include "verify/call.h"

struct btf_param;
struct btf_type;

/* Kfuncs that the verifier knows by name. */
enum kfunc_id {
	KF_OTHER,
	KF_BPF_TRAP,
	KF_CAST_TO_KERN_CTX,
	KF_RDONLY_CAST,
	KF_RCU_LOCK,
	KF_RCU_UNLOCK,
	KF_PREEMPT_DISABLE,
	KF_PREEMPT_ENABLE,
	KF_IRQ_SAVE,
	KF_IRQ_RESTORE,
	KF_RES_LOCK,
	KF_RES_UNLOCK,
	KF_RES_LOCK_IRQ,
	KF_RES_UNLOCK_IRQ,
	KF_DYNPTR_FROM_SKB,
	KF_DYNPTR_FROM_SKB_META,
	KF_DYNPTR_FROM_XDP,
	KF_DYNPTR_SLICE,
	KF_DYNPTR_SLICE_RDWR,
	KF_DYNPTR_CLONE,
	KF_XDP_PULL_DATA,
	KF_OBJ_NEW,
	KF_OBJ_DROP,
	KF_PERCPU_OBJ_NEW,
	KF_PERCPU_OBJ_DROP,
	KF_REFCOUNT_ACQUIRE,
	KF_LIST_PUSH_FRONT,
	KF_LIST_PUSH_BACK,
	KF_LIST_POP_FRONT,
	KF_LIST_POP_BACK,
	KF_LIST_FRONT,
	KF_LIST_BACK,
	KF_RBTREE_ADD,
	KF_RBTREE_REMOVE,
	KF_RBTREE_FIRST,
	KF_RBTREE_ROOT,
	KF_RBTREE_LEFT,
	KF_RBTREE_RIGHT,
	KF_THROW,
	KF_WQ_SET_CALLBACK,
	KF_TASK_WORK_SIGNAL,
	KF_TASK_WORK_RESUME,
	KF_ITER_NUM_NEW,
	KF_ITER_NUM_NEXT,
	KF_ITER_NUM_DESTROY,
	KF_CSS_TASK_NEW,
	KF_SESSION_COOKIE,
	KF_GET_KMEM_CACHE,
};

struct kcall {
	struct call call;
	const struct kfunc_desc *k;
	enum kfunc_id id;
	const struct btf *btf; /* of the prototype */
	const struct btf_type *proto;
	bool has_constant, prog_arg;
	uint64_t constant; /* of the argument __k or __szk */
	uint64_t r0_size; /* of the memory that is returned */
	bool r0_rdonly;
	bool owning; /* bpf_refcount_acquire(): of an object that is owned already */
	const struct btf *arg_btf; /* object argument */
	uint32_t arg_btf_id;
	const struct btf_field *root; /* list or tree */
	const struct btf *root_btf; /* where its values' type is */
	uint32_t iter_frame, iter_slot;
};

enum kfunc_id kfunc_id(const struct kfunc_desc *k);

static inline bool kfunc_is_rbtree(enum kfunc_id id)
{
	return id >= KF_RBTREE_ADD && id <= KF_RBTREE_RIGHT;
}
static inline bool kfunc_is_list(enum kfunc_id id)
{
	return id >= KF_LIST_PUSH_FRONT && id <= KF_LIST_BACK;
}

/* kfunc_btf.c: prototypes */
const struct btf_type *skip_modifiers(const struct btf *btf, uint32_t id, uint32_t *resolved);
const char *type_name(const struct btf *btf, const struct btf_type *t);
bool is_scalar_type(const struct btf_type *t);
bool is_scalar_struct(const struct btf *btf, const struct btf_type *t, uint32_t depth);
bool arg_has_suffix(const struct btf *btf, const struct btf_param *p, const char *suffix);
bool arg_is_struct(const struct btf *btf, const struct btf_param *p, const char *name); /* pointer to it */
bool arg_is_func(const struct btf *btf, const struct btf_param *p);
bool arg_is_ctx(const struct verifier *v, const struct btf *btf, const struct btf_param *p);
const char *kernel_ctx(uint32_t prog_type); /* kernel struct behind the context; NULL: none */

/* kfunc_args.c */
int check_kfunc_args(struct verifier *v, struct kcall *kc);
const char *reg_kernel_type(uint32_t type); /* "sock" of REG_SOCKET, ...; NULL: none */

/* iter.c */
int check_iter_arg(struct verifier *v, struct kcall *kc, uint32_t regno);
int check_irq_arg(struct verifier *v, struct kcall *kc, uint32_t regno);

/* graph.c: lists and trees of allocated objects */
int check_graph_root(struct verifier *v, struct kcall *kc, uint32_t regno, enum btf_field_kind kind);
int check_graph_node(struct verifier *v, struct kcall *kc, uint32_t regno, enum btf_field_kind kind);
int graph_insert(struct verifier *v, struct kcall *kc); /* r2 is no longer the program's */
int reg_graph_node(struct verifier *v, struct reg *r, const struct kcall *kc);
int reg_non_owning(struct verifier *v, struct reg *r);
int setup_rbtree_add(struct verifier *v, struct frame *caller, struct frame *callee, uint32_t at);
int setup_task_work(struct verifier *v, struct frame *caller, struct frame *callee, uint32_t at); /* callbacks.c */

#endif
