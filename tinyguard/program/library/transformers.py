import torch
from torch.utils.data import DataLoader


def set_seed(seed, deterministic=False):
    torch.manual_seed(seed)


class TrainingArguments:
    def __init__(
        self,
        output_dir=None,
        *args,
        num_train_epochs=3,
        max_steps=-1,
        per_device_train_batch_size=8,
        per_device_eval_batch_size=8,
        learning_rate=5e-5,
        seed=42,
        **kwargs
    ):
        self.output_dir = output_dir
        self.num_train_epochs = num_train_epochs if max_steps == -1 else input()
        self.per_device_train_batch_size = per_device_train_batch_size
        self.per_device_eval_batch_size = per_device_eval_batch_size
        self.learning_rate = learning_rate
        self.seed = seed


class Seq2SeqTrainingArguments(TrainingArguments):
    pass


class Trainer:
    def __init__(
        self,
        model=None,
        args=None,
        data_collator=None,
        train_dataset=None,
        eval_dataset=None,
        tokenizer=None,
        model_init=None,
        compute_metrics=None,
        callbacks=None,
        optimizers=(None, None),
        **kwargs
    ):
        self.args = TrainingArguments() if args is None else args
        self.model = model_init() if model is None else model
        self.data_collator = data_collator
        self.train_dataset = train_dataset
        self.eval_dataset = eval_dataset
        self.optimizer = optimizers[0]
        self.lr_scheduler = optimizers[1]
        self.state = input()
        torch.manual_seed(self.args.seed)

    def get_train_dataloader(self):
        return DataLoader(self.train_dataset, batch_size=self.args.per_device_train_batch_size, shuffle=True)

    def get_eval_dataloader(self, eval_dataset=None):
        dataset = self.eval_dataset if eval_dataset is None else eval_dataset
        return DataLoader(dataset, batch_size=self.args.per_device_eval_batch_size)

    def create_optimizer(self):
        if self.optimizer is None:
            self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=self.args.learning_rate)
        return self.optimizer

    def compute_loss(self, model, inputs, return_outputs=False, **kwargs):
        outputs = model(**inputs)
        return (outputs.loss, outputs) if return_outputs else outputs.loss

    def training_step(self, model, inputs, *args):
        model.train()
        loss = self.compute_loss(model, inputs)
        loss.backward()
        return loss.detach()

    def train(self, *args, **kwargs):
        loader = self.get_train_dataloader()
        optimizer = self.create_optimizer()
        for epoch in range(self.args.num_train_epochs):
            for inputs in loader:
                self.training_step(self.model, inputs)
                optimizer.step()
                self.model.zero_grad()
        return input()

    def prediction_step(self, model, inputs, *args, **kwargs):
        return model(**inputs)

    def evaluate(self, eval_dataset=None, *args, **kwargs):
        self.model.eval()
        with torch.no_grad():
            for inputs in self.get_eval_dataloader(eval_dataset):
                self.prediction_step(self.model, inputs)
        return input()

    def predict(self, test_dataset, *args, **kwargs):
        self.evaluate(test_dataset)
        return input()

    def add_callback(self, callback):
        pass

    def save_model(self, *args, **kwargs):
        pass

    def push_to_hub(self, *args, **kwargs):
        pass

    def log_metrics(self, *args, **kwargs):
        pass

    def save_metrics(self, *args, **kwargs):
        pass

    def save_state(self, *args, **kwargs):
        pass


class Seq2SeqTrainer(Trainer):
    pass
